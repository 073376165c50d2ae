//! The carrier's side: a telephone of the same SIP, with its own place for RTP.

use super::world::{CARRIER, GATEWAY};
use crate::media::Port;
use omnigate_rtp::RtpPacket;
use omnigate_rtp::telephone_event::Receiver;
use omnigate_sip::message::{Headers, Name, Request, Status, Transport};
use omnigate_sip::{
    CallEnd, CallEvent, CallKey, CallTerms, Endpoint, EndpointSettings, Event, Hop, Incoming, Invitation,
    Listener, ListenerId, Listeners, LocalMedia, MediaTerms, NatRule, Negotiator, Output,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Time and samples of a packet.
const PACKET: Duration = Duration::from_millis(20);

pub(super) struct Phone {
    pub(super) endpoint: Endpoint,
    call: Option<CallKey>,
    negotiator: Negotiator,
    pub(super) rtp: Port,
    /// Where the gateway wants RTP.
    pub(super) to: Option<SocketAddr>,
    pub(super) statuses: Vec<u16>,
    pub(super) up: bool,
    pub(super) end: Option<CallEnd>,
    pub(super) talks: bool,
    pub(super) heard: usize,
    /// The ACK is kept back.
    pub(super) mute: bool,
    /// Nothing reaches it.
    pub(super) deaf: bool,
    /// The INVITE that came, and its offer.
    incoming: Option<Incoming>,
    /// Keys that were pressed for it.
    pub(super) keys: String,
    events: Receiver,
    sequence: u16,
    due: Instant,
}

impl Phone {
    pub(super) fn new(rtp: Port, now: Instant) -> Phone {
        let local = LocalMedia {
            ip: rtp.local().ip(),
            port: rtp.local().port(),
        };
        Phone {
            endpoint: Endpoint::new(EndpointSettings {
                listeners: Listeners::new(vec![Listener {
                    transport: Transport::Udp,
                    bound: CARRIER,
                    advertised: None,
                }]),
                seed: 3,
                ..EndpointSettings::default()
            }),
            call: None,
            negotiator: Negotiator::new(local, 1, MediaTerms::default()),
            rtp,
            to: None,
            statuses: Vec::new(),
            up: false,
            end: None,
            talks: true,
            heard: 0,
            mute: false,
            deaf: false,
            incoming: None,
            keys: String::new(),
            events: Receiver::new(),
            sequence: 0,
            due: now,
        }
    }

    pub(super) fn dial(&mut self, number: &str, now: Instant) {
        let invitation = Invitation {
            uri: format!("sip:{number}@{GATEWAY}").parse().unwrap(),
            from: "<sip:01012345678@carrier.example>".into(),
            to: format!("<sip:{number}@carrier.example>"),
            hop: Hop::datagram(ListenerId(0), CARRIER, GATEWAY),
            routes: Vec::new(),
            offer: Some(self.negotiator.offer().into_bytes()),
            credentials: Vec::new(),
            headers: Headers::default(),
            nat: NatRule::Never,
            terms: CallTerms::default(),
        };
        self.call = Some(self.endpoint.invite(now, invitation));
    }

    /// Takes what comes to it.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Instant) {
        if !self.deaf {
            let hop = Hop::datagram(ListenerId(0), CARRIER, GATEWAY);
            self.endpoint.receive(now, &hop, bytes);
        }
    }

    pub(super) fn is_called(&self) -> bool {
        self.incoming.is_some()
    }

    /// The INVITE that has come.
    pub(super) fn invite(&self) -> Option<&Request> {
        self.incoming.as_ref().map(|incoming| &*incoming.invite)
    }

    pub(super) fn progress(&mut self, status: Status, now: Instant) {
        let _ = self
            .endpoint
            .progress(now, self.call.unwrap(), status, None, false, &Headers::default());
    }

    pub(super) fn pick_up(&mut self, now: Instant) {
        let offer = self.incoming.as_ref().unwrap().offer.clone().unwrap();
        let (answer, agreed) = self.negotiator.answer(&offer).unwrap();
        self.to = Some(agreed.remote_rtp);
        let call = self.call.unwrap();
        let session = Some(answer.into_bytes());
        self.endpoint
            .answer(now, call, session, &Headers::default())
            .unwrap();
        self.up = true;
    }

    pub(super) fn reject(&mut self, status: Status, now: Instant) {
        let call = self.call.unwrap();
        self.endpoint
            .refuse(now, call, status, &Headers::default())
            .unwrap();
    }

    /// Sends the call to this number instead.
    pub(super) fn send_to(&mut self, number: &str, now: Instant) {
        let (call, mut fields) = (self.call.unwrap(), Headers::default());
        fields.push(Name::Contact, format_args!("<sip:{number}@203.0.113.9>"));
        self.incoming = None;
        let moved = Status::new(302).unwrap();
        self.endpoint.refuse(now, call, moved, &fields).unwrap();
    }

    pub(super) fn hang_up(&mut self, now: Instant) {
        let _ = self
            .endpoint
            .hang_up(now, self.call.unwrap(), &Headers::default());
    }

    /// Presses a key the SIP way.
    pub(super) fn key(&mut self, key: char, now: Instant) {
        let body = format!("Signal={key}\r\nDuration=160\r\n").into_bytes();
        let call = self.call.unwrap();
        let _ = self.endpoint.info(now, call, "application/dtmf-relay", body);
    }

    /// Offers the same again, to be put on hold or taken off it.
    pub(super) fn offer(&mut self, direction: &str, now: Instant) {
        let offer = self.negotiator.offer().replace("a=sendrecv", direction);
        let _ = self.endpoint.offer(now, self.call.unwrap(), offer.into_bytes());
    }

    /// Takes what has come and gives what is to go, as texts.
    pub(super) fn carry(&mut self) -> Vec<bytes::Bytes> {
        let mut out = Vec::new();
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Transmit(transmit) => {
                    if !(self.mute && transmit.bytes.starts_with(b"ACK")) {
                        out.push(transmit.bytes);
                    }
                }
                Output::Event(Event::Call(_, event)) => self.event(event),
                Output::Event(Event::Incoming(incoming)) => {
                    self.call = Some(incoming.call);
                    self.incoming = Some(incoming);
                }
                Output::Event(_) => {}
            }
        }
        out
    }

    fn event(&mut self, event: CallEvent) {
        match event {
            CallEvent::Progress { status, .. } => self.statuses.push(status.code()),
            CallEvent::Answered { .. } => self.up = true,
            CallEvent::Answer(answer) => {
                self.to = self
                    .negotiator
                    .accept(&answer)
                    .ok()
                    .map(|agreed| agreed.remote_rtp);
            }
            CallEvent::Ended(end) => self.end = Some(end),
            _ => {}
        }
    }

    /// Its media: a packet each 20 ms, and what has come is counted.
    pub(super) fn step(&mut self, now: Instant) {
        while let Some((_, packet)) = self.rtp.receive() {
            self.heard += 1;
            let Ok(packet) = RtpPacket::parse(&packet) else {
                continue;
            };
            if packet.payload_type == 101 {
                let (stamp, sequence) = (packet.timestamp, packet.sequence);
                let key = self
                    .events
                    .receive(packet.ssrc, stamp, sequence, packet.payload, now);
                self.keys.extend(key.map(|key| key.char()));
            }
        }
        if now < self.due {
            return;
        }
        self.due = now + PACKET;
        let (Some(to), true) = (self.to, self.talks && self.up) else {
            return;
        };
        self.sequence += 1;
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        packet.extend([0xff; 160]);
        self.rtp.send(&packet, to);
    }
}
