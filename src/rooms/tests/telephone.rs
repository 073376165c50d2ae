//! A telephone: its leg, as its call has it, and its packets.

use super::agreed;
use crate::media::{LegEvent, LegHandle, Port};
use crate::rooms::ToTelephone;
use omnigate_audio::g711::Law;
use omnigate_omnitalk::TelephoneNotice;
use omnigate_room::CallId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time and samples of a packet.
const PACKET: Duration = Duration::from_millis(20);
const SAMPLES: usize = 160;
/// What it says: eight samples are a period of 1 kHz.
const TONE: [i16; 8] = [0, 7_000, 9_900, 7_000, 0, -7_000, -9_900, -7_000];
/// From here on a sample is sound.
const SOUND: u16 = 500;

pub(super) struct Telephone {
    pub(super) call: CallId,
    pub(super) leg: Option<LegHandle>,
    pub(super) events: mpsc::Receiver<LegEvent>,
    pub(super) notices: mpsc::UnboundedReceiver<ToTelephone>,
    rtp: Port,
    due: Instant,
    sequence: u16,
    pub(super) talks: bool,
    /// It is where it is to talk.
    pub(super) admitted: bool,
    /// Samples of sound that it has heard.
    pub(super) heard: usize,
}

impl Telephone {
    pub(super) fn new(
        call: CallId,
        leg: LegHandle,
        events: mpsc::Receiver<LegEvent>,
        notices: mpsc::UnboundedReceiver<ToTelephone>,
        rtp: Port,
        now: Instant,
    ) -> Telephone {
        // A shard that takes no orders leaves it without sound, which is no matter here.
        let _ = leg.set_media(agreed::a_law(rtp.local()));
        Telephone {
            call,
            leg: Some(leg),
            events,
            notices,
            rtp,
            due: now,
            sequence: 0,
            talks: true,
            admitted: false,
            heard: 0,
        }
    }

    pub(super) fn step(&mut self, now: Instant) {
        while let Some((_, packet)) = self.rtp.receive() {
            let codes = packet.get(12..).unwrap_or_default();
            let mut pcm = vec![0; codes.len()];
            Law::A.decode(codes, &mut pcm);
            self.heard += pcm.iter().filter(|s| s.unsigned_abs() > SOUND).count();
        }
        if now >= self.due {
            self.due = now + PACKET;
            self.send();
        }
    }

    fn send(&mut self) {
        let Some(leg) = self.leg.as_ref().filter(|_| self.talks) else {
            return;
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0x80, 8];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * SAMPLES as u32).to_be_bytes());
        packet.extend([0, 0, 0, 7]);
        let pcm: Vec<i16> = TONE.iter().copied().cycle().take(SAMPLES).collect();
        let mut codes = [0; SAMPLES];
        Law::A.encode(&pcm, &mut codes);
        packet.extend(codes);
        let to = leg.local();
        self.rtp.send(&packet, SocketAddr::new(to.ip, to.port));
    }

    /// What the rooms have told; a call that is over hangs up, as the gateway does.
    pub(super) fn read(&mut self) {
        while let Ok(word) = self.notices.try_recv() {
            let ToTelephone::Notice(notice) = word else {
                continue;
            };
            self.admitted |= matches!(
                notice,
                TelephoneNotice::Admitted { .. } | TelephoneNotice::Bridged { .. }
            );
            if notice.is_last() {
                self.leg = None;
            }
        }
        while self.events.try_recv().is_ok() {}
    }
}
