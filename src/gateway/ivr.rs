//! What a caller goes through, as a pure state machine.
//!
//! ```text
//!  Opening ─▶ Entering ──six digits──▶ LookingUp ──room──▶ Talking ─▶ Done
//!             ▲  │ no entry, * , #        │  │
//!             └──┴──── wrong number ──────┘  └─user─▶ Calling ──answered──▶ Talking
//!                  │ last try                            │ busy, declined, no answer
//!                  └──────────────▶ Announcing ◀─────────┘
//!                                       └─▶ Done
//! ```
//!
//! Who talks may be sent elsewhere: back to LookingUp, with another number.
//!
//! The first digit stops the prompt; digits keyed before or during it count.

use crate::calls::{CallEnd, Stage};
use crate::directory::Allowance;
use crate::rooms::Destination;
use omnigate_audio::dtmf::Key;
use omnigate_audio::tone::Tone;
use omnigate_omnitalk::{CallNumber, LookUp, RefusedReason, TargetKind, TelephoneEnd, TelephoneNotice};
use omnigate_room::RoomId;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the first prompt waits for the caller's media to flow.
const MEDIA_WAIT: Duration = Duration::from_millis(400);
/// A failed look-up is told no sooner than this, so that unknown, expired and foreign numbers take the same.
const WRONG_AFTER: Duration = Duration::from_millis(500);
/// A look-up that takes longer is covered by a prompt.
const HOLD_AFTER: Duration = Duration::from_millis(1000);
/// Pause between two hold prompts.
const HOLD_PAUSE: Duration = Duration::from_secs(3);
/// The look-up's own time-outs end sooner; this is the last resort.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(10);
/// Longest announcement; then the call ends whatever plays.
const ANNOUNCEMENT_LIMIT: Duration = Duration::from_secs(20);

/// What can be said, one recording each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Phrase {
    Greeting,
    EnterNumber,
    NumberPrefix,
    WrongNumber,
    NoEntry,
    Goodbye,
    PleaseWait,
    Recorded,
    Sorry,
    Busy,
    NoAnswer,
    Declined,
    Unavailable,
    TooMany,
    Digit(u8),
}

/// Times and tries.
#[derive(Debug, Clone, Copy)]
pub struct IvrSettings {
    /// For the first digit, after the prompt.
    pub first_digit: Duration,
    /// Between digits.
    pub inter_digit: Duration,
    /// Entries.
    pub tries: u32,
}

/// What happens to the call.
#[derive(Debug, Clone)]
pub enum IvrEvent {
    /// The 200 was sent.
    Answered(Allowance),
    /// The first packet of the caller came.
    MediaFlows,
    /// A key press.
    Key(Key),
    /// What was played last is over.
    Played,
    /// The directory's answer; `None`: it failed.
    LookedUp(Option<LookUp>),
    /// From the rooms. Its audio is in the room already when a notice says so.
    Notice(TelephoneNotice),
    /// The caller is sent to where this number leads, as if it were keyed.
    Elsewhere(CallNumber),
    /// The rooms do not take the call, or have ended.
    NoRooms,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum IvrEffect {
    /// Play these once; `IvrEvent::Played` follows.
    Play(Vec<Phrase>),
    /// Play these over and over with this pause.
    Repeat(Vec<Phrase>, Duration),
    /// Play a tone.
    Tone(Tone),
    /// Stop what plays.
    Silence,
    /// Ask the directory.
    LookUp(CallNumber),
    /// Count a wrong entry.
    Wrong,
    /// Leave whoever the caller talks to.
    Leave,
    /// Connect the call.
    Connect(Destination),
    /// The caller's audio is in this room.
    Joined(RoomId),
    /// End the call.
    HangUp(CallEnd),
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    New,
    Opening,
    Entering,
    LookingUp { since: Instant, wrong: bool, held: bool },
    Calling,
    Talking,
    Announcing(CallEnd),
    Done,
}

/// One caller's way through the IVR.
#[derive(Debug)]
pub struct Ivr {
    settings: IvrSettings,
    service: Option<String>,
    state: State,
    tries: u32,
    digits: [u8; CallNumber::DIGITS],
    count: usize,
    wrong_entries: bool,
    deadline: Option<Instant>,
    out: VecDeque<IvrEffect>,
}

impl Ivr {
    /// `service`: only numbers of this service are connected (a trunk's setting).
    pub fn new(settings: IvrSettings, service: Option<String>) -> Ivr {
        Ivr {
            settings,
            service,
            state: State::New,
            tries: settings.tries.max(1),
            digits: [0; CallNumber::DIGITS],
            count: 0,
            wrong_entries: false,
            deadline: None,
            out: VecDeque::new(),
        }
    }

    /// Next thing to do; call until `None` after every event.
    pub fn poll(&mut self) -> Option<IvrEffect> {
        self.out.pop_front()
    }

    /// When [`Ivr::timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Where the caller is; `None` once that is nowhere any more.
    pub fn stage(&self) -> Option<Stage> {
        Some(match self.state {
            State::New | State::Opening => Stage::Opening,
            State::Entering => Stage::Entering,
            State::LookingUp { .. } => Stage::LookingUp,
            State::Calling => Stage::Ringing,
            State::Talking => Stage::Talking,
            State::Announcing(_) => Stage::Announcing,
            State::Done => return None,
        })
    }

    /// Feeds one event.
    pub fn handle(&mut self, event: IvrEvent, now: Instant) {
        match event {
            IvrEvent::Answered(allowance) => self.answered(allowance, now),
            IvrEvent::MediaFlows => {
                if self.state == State::Opening {
                    self.prompt(now);
                }
            }
            IvrEvent::Key(key) => self.key(key, now),
            IvrEvent::Played => self.played(now),
            IvrEvent::LookedUp(answer) => self.looked_up(answer, now),
            IvrEvent::Notice(notice) => self.notice(notice, now),
            IvrEvent::Elsewhere(number) => self.elsewhere(number, now),
            IvrEvent::NoRooms => self.no_rooms(now),
        }
    }

    /// A deadline has passed.
    pub fn timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|d| now < d) {
            return;
        }
        self.deadline = None;
        match self.state.clone() {
            State::Opening => self.prompt(now),
            State::Entering => self.failed_entry(Phrase::NoEntry, now),
            State::LookingUp { wrong: true, .. } => self.wrong_number(now),
            State::LookingUp { since, held, .. } => {
                if now.saturating_duration_since(since) >= LOOK_UP_LIMIT {
                    self.announce(Phrase::Sorry, CallEnd::LookUpFailed, now);
                } else {
                    if !held {
                        self.out
                            .push_back(IvrEffect::Repeat(vec![Phrase::PleaseWait], HOLD_PAUSE));
                    }
                    self.state = State::LookingUp {
                        since,
                        wrong: false,
                        held: true,
                    };
                    self.deadline = Some(since + LOOK_UP_LIMIT);
                }
            }
            State::Announcing(end) => self.finish(end),
            _ => {}
        }
    }

    fn answered(&mut self, allowance: Allowance, now: Instant) {
        match allowance {
            Allowance::Normal => {}
            Allowance::OneTry => self.tries = 1,
            Allowance::Refused => return self.announce(Phrase::TooMany, CallEnd::TooManyGuesses, now),
        }
        self.state = State::Opening;
        self.deadline = Some(now + MEDIA_WAIT);
    }

    fn prompt(&mut self, now: Instant) {
        self.state = State::Entering;
        self.deadline = None;
        if self.count == 0 {
            self.out
                .push_back(IvrEffect::Play(vec![Phrase::Greeting, Phrase::EnterNumber]));
        } else {
            // Digits keyed before the prompt count, and make it needless.
            self.deadline = Some(now + self.settings.inter_digit);
            self.complete(now);
        }
    }

    fn key(&mut self, key: Key, now: Instant) {
        if !matches!(self.state, State::Opening | State::Entering) {
            return;
        }
        let entering = self.state == State::Entering;
        match key.char() {
            '*' => {
                self.count = 0;
                if entering {
                    self.out.push_back(IvrEffect::Play(vec![Phrase::EnterNumber]));
                    self.deadline = None;
                }
            }
            '#' => {
                if self.count > 0 && entering {
                    self.failed_entry(Phrase::WrongNumber, now);
                }
            }
            c => {
                let Some(digit) = c.to_digit(10) else { return };
                if self.count == 0 && entering {
                    self.out.push_back(IvrEffect::Silence);
                }
                if let Some(place) = self.digits.get_mut(self.count) {
                    *place = digit as u8;
                    self.count += 1;
                }
                if entering {
                    self.deadline = Some(now + self.settings.inter_digit);
                    self.complete(now);
                }
            }
        }
    }

    fn complete(&mut self, now: Instant) {
        if self.count < CallNumber::DIGITS {
            return;
        }
        let text: String = self.digits.iter().map(|d| char::from(b'0' + d)).collect();
        if let Ok(number) = CallNumber::parse(&text) {
            self.look_up(number, now);
        }
    }

    fn look_up(&mut self, number: CallNumber, now: Instant) {
        self.state = State::LookingUp {
            since: now,
            wrong: false,
            held: false,
        };
        self.deadline = Some(now + HOLD_AFTER);
        self.out.push_back(IvrEffect::LookUp(number));
    }

    fn elsewhere(&mut self, number: CallNumber, now: Instant) {
        if self.state == State::Talking {
            self.count = 0;
            self.out.push_back(IvrEffect::Leave);
            self.look_up(number, now);
        }
    }

    /// Whether it can be sent elsewhere.
    pub fn is_talking(&self) -> bool {
        self.state == State::Talking
    }

    fn played(&mut self, now: Instant) {
        match self.state.clone() {
            State::Entering if self.count == 0 => self.deadline = Some(now + self.settings.first_digit),
            State::Announcing(end) => self.finish(end),
            _ => {}
        }
    }

    fn looked_up(&mut self, answer: Option<LookUp>, now: Instant) {
        let State::LookingUp { since, held, .. } = self.state else {
            return;
        };
        let target = match answer {
            None => return self.announce(Phrase::Sorry, CallEnd::LookUpFailed, now),
            Some(LookUp::Found(target)) if self.service.as_ref().is_none_or(|s| *s == target.service_id) => {
                target
            }
            Some(_) => return self.later_wrong(since, held, now),
        };
        self.deadline = None;
        if held {
            self.out.push_back(IvrEffect::Silence);
        }
        self.state = State::Calling;
        self.out.push_back(match target.kind {
            TargetKind::User(user) => IvrEffect::Connect(Destination::User {
                service: target.service_id,
                user,
            }),
            TargetKind::Room(room) => IvrEffect::Connect(Destination::Room(room)),
        });
    }

    /// Unknown, expired, foreign and vanished numbers are told alike and at the same time. They count at once:
    /// who hangs up before hearing of it has guessed all the same.
    fn later_wrong(&mut self, since: Instant, held: bool, now: Instant) {
        self.out.push_back(IvrEffect::Wrong);
        self.state = State::LookingUp {
            since,
            wrong: true,
            held,
        };
        self.deadline = Some((since + WRONG_AFTER).max(now));
        if now >= since + WRONG_AFTER {
            self.wrong_number(now);
        }
    }

    fn wrong_number(&mut self, now: Instant) {
        self.wrong_entries = true;
        self.failed_entry(Phrase::WrongNumber, now);
    }

    fn failed_entry(&mut self, why: Phrase, now: Instant) {
        self.tries -= 1;
        let mut said = Vec::new();
        if why == Phrase::WrongNumber {
            said.push(Phrase::NumberPrefix);
            said.extend(self.digits.iter().take(self.count).map(|d| Phrase::Digit(*d)));
        }
        said.push(why);
        self.count = 0;
        if self.tries == 0 {
            said.push(Phrase::Goodbye);
            let end = if self.wrong_entries {
                CallEnd::WrongNumber
            } else {
                CallEnd::NoEntry
            };
            self.state = State::Announcing(end);
            self.deadline = Some(now + ANNOUNCEMENT_LIMIT);
        } else {
            said.push(Phrase::EnterNumber);
            self.state = State::Entering;
            self.deadline = None;
        }
        self.out.push_back(IvrEffect::Play(said));
    }

    fn announce(&mut self, phrase: Phrase, end: CallEnd, now: Instant) {
        self.state = State::Announcing(end);
        self.deadline = Some(now + ANNOUNCEMENT_LIMIT);
        self.out.push_back(IvrEffect::Play(vec![phrase, Phrase::Goodbye]));
    }

    fn finish(&mut self, end: CallEnd) {
        self.state = State::Done;
        self.deadline = None;
        self.out.push_back(IvrEffect::HangUp(end));
    }

    fn no_rooms(&mut self, now: Instant) {
        match self.state {
            State::Calling => self.announce(Phrase::Sorry, CallEnd::Fault, now),
            State::Talking => self.finish(CallEnd::Fault),
            _ => {}
        }
    }

    fn notice(&mut self, notice: TelephoneNotice, now: Instant) {
        if matches!(self.state, State::Announcing(_) | State::Done) {
            return;
        }
        match notice {
            TelephoneNotice::Ringing { .. } => self.out.push_back(IvrEffect::Tone(Tone::RingBack)),
            TelephoneNotice::Refused(RefusedReason::Busy) => self.announce(Phrase::Busy, CallEnd::Busy, now),
            TelephoneNotice::Refused(
                RefusedReason::NoSession | RefusedReason::RoomFull | RefusedReason::Quota,
            ) => {
                self.announce(Phrase::Unavailable, CallEnd::Unavailable, now);
            }
            TelephoneNotice::Refused(RefusedReason::NoRoom) => {
                self.out.push_back(IvrEffect::Wrong);
                self.wrong_number(now);
            }
            // That is for telephones that are called.
            TelephoneNotice::Dialled { .. } => {}
            TelephoneNotice::Bridged { room, .. } => {
                self.state = State::Talking;
                self.out.extend([IvrEffect::Silence, IvrEffect::Joined(room)]);
            }
            TelephoneNotice::Admitted { room, .. } => {
                self.state = State::Talking;
                self.out
                    .extend([IvrEffect::Joined(room), IvrEffect::Tone(Tone::Join)]);
            }
            TelephoneNotice::Declined => self.announce(Phrase::Declined, CallEnd::Declined, now),
            TelephoneNotice::NoAnswer => self.announce(Phrase::NoAnswer, CallEnd::NoAnswer, now),
            TelephoneNotice::Ended(reason) => {
                let end = match reason {
                    TelephoneEnd::AppLeft => CallEnd::AppLeft,
                    TelephoneEnd::KickedOut => CallEnd::KickedOut,
                    TelephoneEnd::Shutdown => CallEnd::Shutdown,
                    TelephoneEnd::NotJoined | TelephoneEnd::NoAudio | TelephoneEnd::NoSession => {
                        CallEnd::Unavailable
                    }
                };
                if self.state == State::Talking {
                    self.finish(end);
                } else {
                    self.announce(Phrase::Unavailable, end, now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
