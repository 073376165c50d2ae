//! A registration with a made clock, and answers for it.

use omnigate_sip::Random;
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{Name, Request, Response, Status};
use omnigate_sip::registration::*;
use std::time::{Duration, Instant};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) struct Bench {
    pub(crate) registration: Registration,
    pub(crate) random: Random,
    pub(crate) now: Instant,
    /// The request sent last.
    pub(crate) sent: Option<Request>,
    pub(crate) keep_alives: usize,
}

pub(crate) fn settings() -> Settings {
    let uri = |text: &str| text.parse().unwrap();
    let mut settings = Settings::new(
        uri("sip:example.com"),
        uri("sip:0701234@example.com"),
        uri("sip:0701234@192.0.2.9:5060;transport=tcp"),
    );
    settings.credentials = vec![Credentials::new("0701234", "secret")];
    settings
}

impl Bench {
    /// A registration that has sent its first request.
    pub(crate) fn new(settings: Settings) -> Bench {
        let mut random = Random::new(7);
        let mut bench = Bench {
            registration: Registration::new(settings, &mut random),
            random,
            now: Instant::now(),
            sent: None,
            keep_alives: 0,
        };
        bench.registration.start(bench.now);
        assert_eq!(bench.drain(), []);
        bench
    }

    /// One that is bound for an hour.
    pub(crate) fn bound(settings: Settings) -> Bench {
        let mut bench = Bench::new(settings);
        let events = bench.ok();
        assert!(matches!(events.as_slice(), [Event::Registered(_)]), "{events:?}");
        bench
    }

    /// Takes all outputs: events are returned, the request is kept.
    pub(crate) fn drain(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(output) = self.registration.poll() {
            match output {
                Output::Send(request) => self.sent = Some(*request),
                Output::KeepAlive => self.keep_alives += 1,
                Output::Event(event) => events.push(event),
                other => panic!("{other:?}"),
            }
        }
        events
    }

    pub(crate) fn request(&mut self) -> Request {
        self.sent.take().unwrap()
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.sent.as_ref().unwrap().headers.cseq().unwrap().number
    }

    /// The value of Expires in the open request, seconds.
    pub(crate) fn asks_for(&self) -> &str {
        self.sent.as_ref().unwrap().headers.get(Name::Expires).unwrap()
    }

    /// Answers the open request with these fields.
    pub(crate) fn answer(&mut self, code: u16, fields: &[(Name, &str)]) -> Vec<Event> {
        let request = self.request();
        let mut response = Response::new(&request, Status::new(code).unwrap(), Some("r"));
        for (name, value) in fields {
            response.headers.push(*name, value);
        }
        self.registration.response(&response, self.now, &mut self.random);
        self.drain()
    }

    /// Grants what is asked for.
    pub(crate) fn ok(&mut self) -> Vec<Event> {
        let contact = self.contact();
        self.answer(200, &[(Name::Contact, contact.as_str())])
    }

    /// Contact of what was asked for last.
    pub(crate) fn contact(&self) -> String {
        let sent = self.sent.as_ref().unwrap();
        sent.headers.get(Name::Contact).unwrap().to_owned()
    }

    pub(crate) fn fail(&mut self) -> Vec<Event> {
        let cseq = self.cseq();
        self.sent = None;
        self.registration.failed(cseq, self.now, &mut self.random);
        self.drain()
    }

    /// Goes on to the next deadline; how long that was.
    pub(crate) fn next(&mut self) -> (Duration, Vec<Event>) {
        let at = self.registration.deadline().unwrap();
        let waited = at - self.now;
        self.now = at;
        self.registration.timeout(at, &mut self.random);
        (waited, self.drain())
    }
}
