//! The states of a registration.

use super::event::{Event, Failure, Output, Setback};
use super::granted::Granted;
use super::request::{Identity, build};
use super::security::Agreement;
use super::settings::{
    ANSWER_LIMIT, BACK_OFF_BASE, BACK_OFF_MOST, MAX_EXPIRES, MAX_RETRY_AFTER, MAX_TRIES, MIN_REFRESH,
    REFRESH_SHARE, Settings,
};
use crate::digest::Client;
use crate::message::{Name, NameAddr, Request, Response, seconds};
use crate::random::Random;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One binding, kept. After every input drain [`Registration::poll`] and ask for [`Registration::deadline`].
#[derive(Debug)]
pub struct Registration {
    settings: Settings,
    client: Client,
    security: Agreement,
    identity: Identity,
    cseq: u32,
    /// What is asked for: at least what a 423 has named.
    expires: Duration,
    state: State,
    /// When the binding ends.
    bound_until: Option<Instant>,
    granted: Option<Granted>,
    keep_alive: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    stopping: bool,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Idle,
    Asking(Box<Asking>),
    Bound { refresh: Instant },
    Waiting { until: Instant },
    Failed,
    Stopped,
}

/// The request whose answer is waited for.
#[derive(Debug)]
struct Asking {
    request: Request,
    cseq: u32,
    until: Instant,
    /// Requests without waiting before this one.
    tries: u32,
    /// It takes the binding away.
    leaves: bool,
}

impl Registration {
    /// A registration that has not begun.
    pub fn new(settings: Settings, random: &mut Random) -> Registration {
        Registration {
            client: Client::new(settings.credentials.iter().cloned()),
            security: Agreement::new(settings.media_security),
            identity: Identity {
                call_id: random.token() + &random.token(),
                tag: random.token(),
            },
            cseq: 0,
            expires: settings.expires.clamp(Duration::from_secs(1), MAX_EXPIRES),
            settings,
            state: State::Idle,
            bound_until: None,
            granted: None,
            keep_alive: None,
            failures: 0,
            stopping: false,
            outputs: VecDeque::new(),
        }
    }

    /// Begins, or begins again after a failure or the end of a stop; otherwise changes nothing.
    pub fn start(&mut self, now: Instant) {
        if matches!(self.state, State::Idle | State::Failed | State::Stopped) {
            self.stopping = false;
            self.failures = 0;
            self.ask(0, false, now);
        }
    }

    /// Takes the binding away and ends. The event comes when the registrar has answered, or has not in time.
    pub fn stop(&mut self, now: Instant) {
        if self.stopping || matches!(self.state, State::Stopped) {
            return;
        }
        self.stopping = true;
        self.keep_alive = None;
        // A request must have its answer before the next one (RFC 3261 section 10.2).
        if !matches!(self.state, State::Asking(_)) {
            self.leave(now);
        }
    }

    /// Takes a response. One that does not belong to the open request changes nothing.
    pub fn response(&mut self, response: &Response, now: Instant, random: &mut Random) {
        let cseq = response.headers.cseq().map(|c| c.number);
        if !response.status.is_final() || response.headers.call_id() != self.identity.call_id {
            return;
        }
        let Some(asked) = cseq.and_then(|cseq| self.take(cseq)) else {
            return;
        };
        self.client.accepted(&asked.request, response);
        let is_news = self.security.learn(&response.headers);
        match response.status.code() {
            200..=299 if asked.leaves => self.ended(true),
            200..=299 => match Granted::read(response, &self.settings, self.expires) {
                Some(granted) => self.bound(granted, now, random),
                None => self.set_back(Setback::NotBound, None, now, random),
            },
            401 | 407 if asked.leaves || !self.stopping => {
                match self.client.challenged(&asked.request, response, random) {
                    Ok(()) => self.again(&asked, now, random),
                    Err(why) => self.fail(Failure::Credentials(why), &asked, now),
                }
            }
            _ if asked.leaves => self.ended(false),
            _ if self.stopping => self.leave(now),
            // It says what is to be repeated (RFC 3329 section 2.3.1).
            494 if is_news => self.again(&asked, now, random),
            423 => self.too_brief(response, &asked, now, random),
            300..=399 => {
                let contacts = response.headers.list(Name::Contact);
                let uris = contacts.filter_map(|c| NameAddr::parse(c)?.uri.parse().ok());
                self.fail(Failure::Redirected { to: uris.collect() }, &asked, now);
            }
            // What is between us and the registrar has no outbound (RFC 5626 section 11.6): it is done without.
            439 if self.settings.reg_id.take().is_some() => self.again(&asked, now, random),
            403 => self.fail(Failure::Forbidden, &asked, now),
            404 => self.fail(Failure::NotFound, &asked, now),
            408 | 429 | 480 | 491 | 500 | 502..=504 | 514..=599 => {
                let after = response.headers.get(Name::RetryAfter).and_then(seconds);
                let after = after.map(|s| Duration::from_secs(s.into()).min(MAX_RETRY_AFTER));
                self.set_back(Setback::Answer(response.status), after, now, random);
            }
            _ => self.fail(Failure::Refused(response.status), &asked, now),
        }
    }

    /// Notes that the request with this CSeq has no answer: its transaction timed out or could not send, and there is no
    /// other address to try it at (RFC 3263 section 4.3).
    pub fn failed(&mut self, cseq: u32, now: Instant, random: &mut Random) {
        if let Some(asked) = self.take(cseq) {
            self.unanswered(&asked, now, random);
        }
    }

    /// Notes that the connection of the binding is gone, or that keep-alives are not answered: calls cannot come any more,
    /// so it is bound anew at once (RFC 5626 section 4.4).
    pub fn flow_lost(&mut self, now: Instant) {
        if matches!(self.state, State::Bound { .. }) {
            self.keep_alive = None;
            self.ask(0, false, now);
        }
    }

    /// Does what is due.
    pub fn timeout(&mut self, now: Instant, random: &mut Random) {
        let due = |at: Instant| at <= now;
        if self.bound_until.is_some_and(due) {
            self.unbind();
            if !self.stopping {
                self.event(Event::Lost);
            }
        }
        if self.keep_alive.is_some_and(due) {
            self.outputs.push_back(Output::KeepAlive);
            self.plan_keep_alive(now, random);
        }
        match &self.state {
            State::Asking(asking) if due(asking.until) => {
                let cseq = asking.cseq;
                self.failed(cseq, now, random);
            }
            State::Bound { refresh: at } | State::Waiting { until: at } if due(*at) => {
                self.ask(0, false, now)
            }
            _ => {}
        }
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Registration::timeout`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Asking(asking) => Some(asking.until),
            State::Bound { refresh: at } | State::Waiting { until: at } => Some(*at),
            State::Idle | State::Failed | State::Stopped => None,
        };
        [state, self.bound_until, self.keep_alive]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the registrar has granted, while the binding lasts.
    pub fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// When the binding ends, if it is not refreshed.
    pub fn bound_until(&self) -> Option<Instant> {
        self.bound_until
    }

    /// The open request when it has this CSeq; nothing is open then.
    fn take(&mut self, cseq: u32) -> Option<Asking> {
        if !matches!(&self.state, State::Asking(asking) if asking.cseq == cseq) {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Asking(asking) => Some(*asking),
            _ => None,
        }
    }

    fn ask(&mut self, tries: u32, leaves: bool, now: Instant) {
        self.cseq += 1;
        let expires = if leaves { 0 } else { self.expires.as_secs() };
        let mut request = build(&self.settings, &self.identity, self.cseq, expires);
        self.security.write(&mut request.headers);
        self.client.authorize(&mut request);
        self.outputs.push_back(Output::Send(Box::new(request.clone())));
        self.state = State::Asking(Box::new(Asking {
            request,
            cseq: self.cseq,
            until: now + ANSWER_LIMIT,
            tries,
            leaves,
        }));
    }

    /// Asks again without waiting, a few times.
    fn again(&mut self, asked: &Asking, now: Instant, random: &mut Random) {
        if asked.tries + 1 < MAX_TRIES {
            self.ask(asked.tries + 1, asked.leaves, now);
        } else if asked.leaves {
            self.ended(false);
        } else {
            self.set_back(Setback::Tries, None, now, random);
        }
    }

    fn bound(&mut self, mut granted: Granted, now: Instant, random: &mut Random) {
        self.failures = 0;
        granted.media_security = self.security.theirs().to_vec();
        self.bound_until = Some(now + granted.expires);
        self.granted = Some(granted.clone());
        if self.stopping {
            return self.leave(now);
        }
        let (least, most) = REFRESH_SHARE;
        let share = random.between(granted.expires.mul_f64(least), granted.expires.mul_f64(most));
        self.state = State::Bound {
            refresh: now + share.max(MIN_REFRESH),
        };
        self.plan_keep_alive(now, random);
        self.event(Event::Registered(granted));
    }

    /// Random times, so that not all clients of a restarted server come at once (RFC 5626 section 4.4).
    fn plan_keep_alive(&mut self, now: Instant, random: &mut Random) {
        let timer = self.granted.as_ref().and_then(|g| g.flow_timer);
        let between = timer.map(|t| (t.mul_f64(0.8), t)).or(self.settings.keep_alive);
        self.keep_alive = between.map(|(least, most)| now + random.between(least, most));
    }

    fn too_brief(&mut self, response: &Response, asked: &Asking, now: Instant, random: &mut Random) {
        let least = response.headers.get(Name::MinExpires).and_then(seconds);
        let least = least.map(|s| Duration::from_secs(s.into()));
        match least.filter(|least| *least > self.expires && *least <= MAX_EXPIRES) {
            Some(least) => {
                self.expires = least;
                self.again(asked, now, random);
            }
            None => self.fail(Failure::Interval, asked, now),
        }
    }

    fn unanswered(&mut self, asked: &Asking, now: Instant, random: &mut Random) {
        if asked.leaves || self.stopping {
            // Who did not hear this would not hear that we leave.
            self.ended(false);
        } else {
            self.set_back(Setback::NoAnswer, None, now, random);
        }
    }

    fn set_back(&mut self, why: Setback, after: Option<Duration>, now: Instant, random: &mut Random) {
        if self.stopping {
            return self.leave(now);
        }
        self.failures = self.failures.saturating_add(1);
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let most = BACK_OFF_BASE.saturating_mul(factor).min(BACK_OFF_MOST);
        let mut wait = random.between(most / 2, most);
        if let Some(after) = after {
            wait = wait.max(random.between(after, after + after / 10));
        }
        let at = now + wait;
        self.state = State::Waiting { until: at };
        self.event(Event::Retrying { at, why });
    }

    fn fail(&mut self, why: Failure, asked: &Asking, now: Instant) {
        if asked.leaves {
            self.ended(false);
        } else if self.stopping {
            self.leave(now);
        } else {
            self.unbind();
            self.state = State::Failed;
            self.event(Event::Failed(why));
        }
    }

    fn leave(&mut self, now: Instant) {
        if self.bound_until.is_some() {
            self.ask(0, true, now);
        } else {
            self.ended(true);
        }
    }

    fn ended(&mut self, confirmed: bool) {
        self.unbind();
        self.state = State::Stopped;
        self.event(Event::Unregistered { confirmed });
    }

    fn unbind(&mut self) {
        self.security.forget();
        self.bound_until = None;
        self.granted = None;
        self.keep_alive = None;
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
