//! Carries out what `phone` decides: the test caller, on a line like every call.

use super::line::{Line, LineEvent, now, sleep_until};
use super::phone::{Phone, PhoneEffect, PhoneEvent, PhonePlan};
use crate::calls::{CallEnd, CallMedia, CallRegistry, CallTeller};
use crate::media::{Heard, MediaError, MediaPlane, Playback};
use crate::observe::Metrics;
use crate::sip::Sip;
use crate::trunks::Trunk;
use omnigate_room::CallId;
use omnigate_sip::message::{Headers, Host, Status, Transport, Uri};
use omnigate_sip::{CallEnd as SipEnd, Invitation, NatRule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Whom it calls, and what it does then.
pub struct PhoneCall {
    /// The called address.
    pub to: Uri,
    /// Where its host is.
    pub at: (Transport, SocketAddr),
    /// Calling number.
    pub from: String,
    /// What it does.
    pub plan: PhonePlan,
    /// What it says, at 8 kHz.
    pub says: Arc<[i16]>,
    /// Where what it hears goes, each 20 ms; what there is no room for is lost.
    pub hears: mpsc::Sender<Heard>,
}

/// What has come of it.
#[derive(Debug, Default)]
pub struct PhoneOutcome {
    /// From the INVITE to the answer; `None`: there was none.
    pub answered_after: Option<Duration>,
    /// How the SIP call ended; `None`: it was given up.
    pub end: Option<SipEnd>,
    /// Keys pressed.
    pub keys: usize,
    /// What its media were.
    pub media: Option<CallMedia>,
}

/// What keeps it from calling.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// No ports, or the plane is overloaded.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// No listener of ours gets there.
    #[error("no way to the host")]
    NoWay,
    /// The SIP stack has ended.
    #[error("SIP has ended")]
    NoSip,
}

/// Calls by the terms of this trunk; `leave` is when whoever runs it has enough.
///
/// # Errors
/// [`PhoneError`]: nobody was called.
pub async fn phone(
    (media, sip, trunk): (&MediaPlane, &Sip, Arc<Trunk>),
    call: PhoneCall,
    leave: impl Future<Output = ()>,
) -> Result<PhoneOutcome, PhoneError> {
    let peer = call.at.1.ip();
    let (calls, metrics) = (Arc::<CallRegistry>::default(), Arc::new(Metrics::new()));
    let teller = CallTeller::new(CallId(rand::random()), &trunk.name, &calls, &metrics);
    let mut line = Line::open(media, trunk.clone(), peer, teller)?;
    let listeners = sip.listeners();
    let hop = listeners.first_route(call.at.0, call.at.1);
    let hop = hop.ok_or(PhoneError::NoWay)?;
    let own = media.advertised(peer);
    let invitation = Invitation {
        from: format!("<sip:{}@{}>", call.from, Host::Address(own)),
        to: format!("<{}>", call.to),
        uri: call.to,
        hop,
        routes: Vec::new(),
        offer: Some(line.redial(trunk.clone(), peer, own)),
        credentials: Vec::new(),
        headers: Headers::default(),
        nat: NatRule::Private,
        terms: trunk.terms().call(),
    };
    let began = now();
    let mut phone = Phone::new(call.plan, began);
    let (sip_call, _) = sip.invite(invitation).await.ok_or(PhoneError::NoSip)?;
    line.dial(sip_call);
    line.hear(call.hears);
    let mut outcome = PhoneOutcome::default();
    let mut leave = std::pin::pin!(leave);
    let mut asked = false;
    loop {
        while let Some(effect) = phone.poll() {
            match effect {
                PhoneEffect::Press(key) => {
                    outcome.keys += 1;
                    line.press(key);
                }
                PhoneEffect::Say => line.play(Playback::Prompts(vec![call.says.clone()])),
                PhoneEffect::HangUp => line.hang_up(CallEnd::CallerHungUp),
                PhoneEffect::End => {
                    outcome.media = line.close().await;
                    return Ok(outcome);
                }
            }
        }
        tokio::select! {
            event = line.event() => match event {
                LineEvent::Up => {
                    outcome.answered_after = Some(now() - began);
                    phone.handle(PhoneEvent::Answered, now());
                }
                LineEvent::Played => phone.handle(PhoneEvent::Said, now()),
                LineEvent::Refer(_) => line.refer_answer(Status::DECLINE),
                LineEvent::Over(end) => {
                    outcome.end = end;
                    phone.handle(PhoneEvent::Over, now());
                }
                LineEvent::MediaFlows
                | LineEvent::Key(_)
                | LineEvent::Progress
                | LineEvent::Early
                | LineEvent::Seen => {}
            },
            () = sleep_until(phone.deadline()) => phone.timeout(now()),
            () = &mut leave, if !asked => {
                asked = true;
                phone.handle(PhoneEvent::Leave, now());
            }
        }
    }
}
