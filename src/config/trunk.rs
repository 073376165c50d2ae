//! `[[trunk]]`

use super::codec::{TrunkCodec, check_codecs};
use super::faults::Faults;
use super::ivr::Language;
use super::outbound::{
    CallerNumber, FinalStatus, IdentityField, KeyPath, NumberFormat, gateway_fault, is_destination,
};
use super::register::Register;
use super::section::{Check, join, section, sections};
use super::service::Service;
use super::sip::{Sip, SipTransport};
use super::srtp::{Srtp, SrtpKeys, SrtpSuite, check_list};
use super::terms::{
    AnonymousRule, CalledField, CallerField, EarlyMediaRule, ForwardRule, ReliableRule, Session,
};
use super::tls::TrunkTls;
use ipnet::IpNet;
use omnigate_audio::codec::Codec;
use omnigate_number::{Country, NumberPattern, PhoneNumber};
use omnigate_omnitalk::RecordPolicy;
use omnigate_room::Secret;
use omnigate_sip::sdes::Secrecy;
use omnigate_srtp::Suite;

section! {
    /// One `[[trunk]]`.
    pub struct Trunk {
        /// Name in logs and metrics.
        name: String = "local".into();
        /// The `[[profile]]` that says what it does not say itself.
        profile: Option<String> = None;
        /// Networks that may send.
        allow: Vec<IpNet> = ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
        /// Who may call with a name and a password, from the networks of `allow`, or from anywhere when that is empty.
        users: Vec<TrunkUser> = Vec::new();
        /// Networks that media may come from though SDP names another address, beside the host that SDP names and the one
        /// that the call's SIP comes from; empty: those of `allow`.
        media: Vec<IpNet> = Vec::new();
        /// How long nothing may come of a call that is not on hold, seconds; 0: `media.rtp_timeout_seconds`.
        rtp_timeout_seconds: u64 = 0, within 0..=86_400;
        /// Codecs, the preferred one first.
        codecs: Vec<TrunkCodec> = vec![TrunkCodec(Codec::Pcma), TrunkCodec(Codec::Pcmu)];
        /// Packet time that is asked for, milliseconds.
        packet_ms: u32 = 20, within 10..=60;
        /// Answers name the codec that is used and no other.
        one_codec: bool = false;
        /// Whether media are sealed (SRTP).
        srtp: Srtp = Srtp::default();
        /// How their keys come, the preferred way first.
        srtp_keys: Vec<SrtpKeys> = vec![SrtpKeys::Sdes];
        /// The suites of keys that are said in SDP, the preferred one first.
        srtp_suites: Vec<SrtpSuite> = Suite::IN_SDP.map(SrtpSuite).to_vec();
        /// The registrar wants to agree on how media are sealed (RFC 3329, `mediasec`).
        mediasec: bool = false;
        /// Numbers that may be dialled; a trailing `*` stands for any rest; empty: any number.
        numbers: Vec<String> = Vec::new();
        /// Numbering plan, ISO code.
        country: String = "KR".into();
        /// Prompt language; `None`: `ivr.language`.
        language: Option<Language> = None;
        /// Only call numbers of this service are connected; `None`: of any.
        service: Option<String> = None;
        /// What is recorded because a caller comes by this trunk.
        record: RecordPolicy = RecordPolicy::default();
        /// Where calls out go, in order: `sip:HOST[:PORT][;transport=tcp]` or `;transport=tls`, or
        /// `sips:HOST[:PORT]`. A name is resolved by NAPTR, SRV, A and AAAA.
        gateways: Vec<String> = Vec::new();
        /// Numbers that may be called by it; a trailing `*` stands for any rest, `*` alone for all; empty: none.
        destinations: Vec<String> = Vec::new();
        /// Of trunks whose destinations fit a number equally well, the one with the lower number is taken first.
        priority: u32 = 10;
        /// Numbers that calls out may show.
        callers: Vec<CallerNumber> = Vec::new();
        /// User name that answers challenges of the carrier.
        user: Option<String> = None;
        /// Its password.
        password: Option<Secret> = None;
        /// The realm that is answered; `None`: whichever asks.
        realm: Option<String> = None;
        /// Host in From, To and the Request-URI; `None`: the gateway's.
        domain: Option<String> = None;
        /// How numbers are written in calls out.
        number_format: NumberFormat = NumberFormat::National;
        /// How the number that is shown is written in calls out; `None`: as `number_format`.
        caller_format: Option<NumberFormat> = None;
        /// Header fields that carry the caller's number, beside From.
        identity: Vec<IdentityField> = Vec::new();
        /// The trunk's own number, one of `callers`, for carriers that want it beside the one that is shown.
        pilot: Option<String> = None;
        /// Header fields that carry it in the place of the number that is shown.
        pilot_in: Vec<CallerField> = vec![CallerField::Asserted];
        /// Adds `user=phone` to addresses in calls out.
        user_phone: bool = false;
        /// How keys are pressed towards its telephones.
        keys: KeyPath = KeyPath::Events;
        /// Calls out at once; 0: no limit of its own.
        channels: u32 = 0;
        /// Calls out at once that show the same number; 0: no limit.
        calls_per_caller: u32 = 0;
        /// Calls out that begin in one second; 0: no limit.
        calls_per_second: u32 = 0;
        /// How long a gateway may take to say more than that it tries, before the next one is asked, seconds.
        answer_seconds: u64 = 6, within 1..=32;
        /// Final responses after which the next gateway is asked.
        next_on: Vec<FinalStatus> = vec![FinalStatus(408), FinalStatus(503)];
        /// How often gateways are asked by OPTIONS whether they are there, seconds; 0: never.
        options_seconds: u64 = 60, within 0..=3600;
        /// How long a telephone rings, seconds.
        ring_seconds: u64 = 60, within 1..=600;
        /// Longest call out, minutes.
        longest_minutes: u64 = 240, within 1..=1440;
        /// Session timers.
        session: Session = Session::default();
        /// Reliable provisional responses.
        reliable: ReliableRule = ReliableRule::Supported;
        /// What is heard of a telephone that is called before it answers.
        early_media: EarlyMediaRule = EarlyMediaRule::Take;
        /// Where the called number of a call in stands, in order; empty: Request-URI, To; of a call to what is registered
        /// P-Called-Party-ID, To, Request-URI.
        called_from: Vec<CalledField> = Vec::new();
        /// Where the calling number of a call in stands, in order; empty: P-Asserted-Identity, Remote-Party-ID, From.
        caller_from: Vec<CallerField> = Vec::new();
        /// Whether callers who withhold their number are taken.
        anonymous: AnonymousRule = AnonymousRule::Take;
        /// What stands before the number of a caller from abroad, with its country code; empty: what is dialled to call abroad.
        foreign_prefixes: Vec<String> = Vec::new();
        /// Where it registers, so that calls come in by there.
        register: Register = Register::default();
        /// Its telephones may transfer calls (REFER).
        transfer: bool = false;
        /// Calls out follow where it sends them (301, 302).
        redirects: bool = false;
        /// How a call that a transfer or a redirection makes says who was called before.
        forward: ForwardRule = ForwardRule::None;
        /// Certificates of its calls by TLS.
        tls: TrunkTls = TrunkTls::default();
        /// Emergency numbers may be called by it.
        emergency: bool = false;
    }
}
sections! { Trunk }

section! {
    /// One of `trunk.users`.
    pub struct TrunkUser {
        /// Its name; no other one has it, in any trunk.
        user: Option<String> = None;
        /// Its password.
        password: Option<Secret> = None;
    }
}
sections! { TrunkUser }

impl Check for TrunkUser {
    fn check(&self, path: &str, faults: &mut Faults) {
        let is_empty = |password: &Secret| password.expose().is_empty();
        if self.user.as_deref().is_none_or(str::is_empty) {
            faults.add(&join(path, "user"), "is missing: who may call with this password");
        } else if self.password.as_ref().is_none_or(is_empty) {
            faults.add(
                &join(path, "password"),
                "is missing: everybody could call with this name",
            );
        }
    }
}

impl TrunkUser {
    /// Name and password.
    pub fn both(&self) -> Option<(String, Secret)> {
        Some((self.user.clone()?, self.password.clone()?))
    }
}

impl Check for Trunk {
    fn check(&self, path: &str, faults: &mut Faults) {
        match Country::find(&self.country) {
            None => faults.add(
                &join(path, "country"),
                format!(
                    "`{}` is not known; known are KR, US, JP, GB, DE, FR",
                    self.country
                ),
            ),
            Some(country) => {
                let none = |number: &String| NumberPattern::parse(number, country).is_none();
                if self.numbers.iter().any(none) {
                    faults.add(
                        &join(path, "numbers"),
                        "an entry is not a telephone number, as 070-1234-5678 or 0701234*",
                    );
                }
                check_outbound(self, path, country, faults);
            }
        }
        let is_prefix =
            |text: &String| (1..=8).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
        if !self.foreign_prefixes.iter().all(is_prefix) {
            faults.add(
                &join(path, "foreign_prefixes"),
                "an entry is not of 2 to 8 digits, as 001",
            );
        }
        check_codecs(&self.codecs, &join(path, "codecs"), faults);
        check_list("srtp_keys", &self.srtp_keys, path, faults);
        check_list("srtp_suites", &self.srtp_suites, path, faults);
        if !self.packet_ms.is_multiple_of(10) {
            faults.add(&join(path, "packet_ms"), "is no multiple of 10");
        }
        if self.mediasec && self.register.registrar.is_empty() {
            faults.add(
                &join(path, "mediasec"),
                "needs trunk.register: it is agreed on with a registrar",
            );
        } else if self.mediasec && self.srtp.0 == Secrecy::Off {
            faults.add(
                &join(path, "mediasec"),
                "needs trunk.srtp: there is nothing to agree on while media are in the clear; set it to optional or required",
            );
        }
        if self.allow.is_empty()
            && self.register.registrar.is_empty()
            && self.tls.peer.is_empty()
            && self.users.is_empty()
        {
            faults.add(
                &join(path, "allow"),
                "is empty: nobody could call; name networks, as [\"203.0.113.0/28\"]",
            );
        }
    }
}

/// What is wrong with a trunk's calls out.
fn check_outbound(trunk: &Trunk, path: &str, country: Country, faults: &mut Faults) {
    for gateway in &trunk.gateways {
        if let Err(why) = gateway_fault(gateway) {
            faults.add(&join(path, "gateways"), format!("`{gateway}` {why}"));
        }
    }
    let none = |number: &String| !is_destination(number, country);
    if trunk.destinations.iter().any(none) {
        faults.add(
            &join(path, "destinations"),
            "an entry is neither a telephone number, as 070-1234-5678, nor a beginning, as 02*, nor *",
        );
    }
    for (i, caller) in trunk.callers.iter().enumerate() {
        let number = caller.number.as_deref().unwrap_or_default();
        if PhoneNumber::parse(number, country).is_none() {
            faults.add(
                &format!("{}[{i}].number", join(path, "callers")),
                "is not a telephone number, as 070-1234-5678",
            );
        }
    }
    check_pilot(trunk, path, country, faults);
    if trunk.gateways.is_empty() && !trunk.destinations.is_empty() {
        faults.add(
            &join(path, "gateways"),
            "is missing: trunk.destinations says what may be called, but not where calls out go",
        );
    }
    if trunk.user.is_some() != trunk.password.is_some() {
        let (missing, given) = if trunk.user.is_some() {
            ("password", "user")
        } else {
            ("user", "password")
        };
        faults.add(
            &join(path, missing),
            format!("is missing: there is a trunk.{given}"),
        );
    }
}

/// A number that is shown needs a proof, this one too; and who calls must stand somewhere.
fn check_pilot(trunk: &Trunk, path: &str, country: Country, faults: &mut Faults) {
    let key = join(path, "pilot");
    let Some(pilot) = &trunk.pilot else {
        if trunk.pilot_in != Trunk::default().pilot_in {
            faults.add(&key, "is missing: trunk.pilot_in says where it stands");
        }
        return;
    };
    let Some(pilot) = PhoneNumber::parse(pilot, country) else {
        return faults.add(&key, "is not a telephone number, as 070-1234-5678");
    };
    let numbers = trunk.callers.iter().filter_map(|one| one.number.as_deref());
    let mut callers = numbers.filter_map(|one| PhoneNumber::parse(one, country));
    if !callers.any(|caller| caller == pilot) {
        faults.add(
            &key,
            "is none of trunk.callers: a number that is shown needs its proof; add it there",
        );
    }
    if trunk.pilot_in.is_empty() {
        faults.add(
            &join(path, "pilot_in"),
            "is empty: say where the pilot number stands, as [\"asserted\"] or [\"from\"]",
        );
    }
    if trunk.pilot_in.contains(&CallerField::From) && trunk.identity.is_empty() {
        faults.add(
            &join(path, "identity"),
            "is missing: trunk.pilot stands in From, and who calls would stand nowhere; as [\"asserted\"]",
        );
    }
}

/// What a trunk does not know by itself.
pub(super) fn check_all(trunks: &[Trunk], services: &[Service], sip: &Sip, faults: &mut Faults) {
    if trunks.is_empty() {
        faults.add("trunk", "no trunk: nobody can call in; add [[trunk]]");
    }
    for (i, service) in services.iter().enumerate() {
        if services.iter().take(i).any(|other| other.id == service.id) {
            faults.add(
                &format!("service[{i}].id"),
                format!("`{}` occurs twice", service.id),
            );
        }
    }
    // A service with a fault may not have been read with the name that is meant.
    let services_known = !faults.has_below("service");
    for (i, trunk) in trunks.iter().enumerate() {
        if let Some(service) = &trunk.service
            && services_known
            && !services.iter().any(|known| known.id == *service)
        {
            faults.add(
                &format!("trunk[{i}].service"),
                format!("`{service}` is no [[service]] id"),
            );
        }
        check_peer(i, trunk, sip, faults);
        check_users(i, trunks, faults);
        if trunks.iter().take(i).any(|other| other.name == trunk.name) {
            faults.add(
                &format!("trunk[{i}].name"),
                format!("`{}` occurs twice", trunk.name),
            );
        }
    }
}

/// Who comes with a certificate needs a listener that asks for it, and an authority that is believed.
fn check_peer(i: usize, trunk: &Trunk, sip: &Sip, faults: &mut Faults) {
    if trunk.tls.peer.is_empty() {
        return;
    }
    let key = format!("trunk[{i}].tls.peer");
    if !sip.listen.iter().any(|one| one.transport == SipTransport::Tls) {
        faults.add(
            &key,
            "needs a tls://ADDRESS:PORT in sip.listen: nobody could show a certificate",
        );
    } else if sip.tls.ca.is_none() {
        faults.add(&key, "needs sip.tls.ca: whose certificates are believed");
    }
}

/// The name says which trunk it is.
fn check_users(i: usize, trunks: &[Trunk], faults: &mut Faults) {
    let names =
        |trunk: &Trunk| -> Vec<String> { trunk.users.iter().filter_map(|one| one.user.clone()).collect() };
    let Some(trunk) = trunks.get(i) else { return };
    let mut known: Vec<String> = trunks.iter().take(i).flat_map(names).collect();
    for name in names(trunk) {
        if known.contains(&name) {
            faults.add(&format!("trunk[{i}].users"), format!("`{name}` occurs twice"));
        }
        known.push(name);
    }
}

impl Trunk {
    /// Whether others than this machine may send.
    pub(super) fn is_real(&self) -> bool {
        let loopback = |net: &IpNet| net.network().is_loopback() && net.broadcast().is_loopback();
        !self.allow.iter().all(loopback) || !self.users.is_empty() && self.allow.is_empty()
    }

    /// Networks from which a call to some number fits both.
    fn shared(&self, other: &Trunk) -> Vec<IpNet> {
        let patterns = |trunk: &Trunk| -> Vec<NumberPattern> {
            let country = Country::find(&trunk.country).unwrap_or(Country::korea());
            let parse = |number: &String| NumberPattern::parse(number, country);
            trunk.numbers.iter().filter_map(parse).collect()
        };
        let (ours, theirs) = (patterns(self), patterns(other));
        let number = self.numbers.is_empty()
            || other.numbers.is_empty()
            || ours
                .iter()
                .any(|our| theirs.iter().any(|their| our.overlaps(their)));
        if !number {
            return Vec::new();
        }
        let narrower = |a: &IpNet, b: &IpNet| match (a.contains(b), b.contains(a)) {
            (true, _) => Some(*b),
            (_, true) => Some(*a),
            _ => None,
        };
        let of = |our: &IpNet| -> Vec<IpNet> {
            other
                .allow
                .iter()
                .filter_map(|their| narrower(our, their))
                .collect()
        };
        self.allow.iter().flat_map(of).collect()
    }
}

/// What will hurt.
pub(super) fn warn(trunks: &[Trunk], warnings: &mut Faults) {
    for (i, trunk) in trunks.iter().enumerate() {
        if let Some(all) = trunk.allow.iter().find(|net| net.prefix_len() == 0) {
            warnings.add(
                &format!("trunk[{i}].allow"),
                format!("{all} lets everybody call; name the networks of the carrier"),
            );
        }
        if let Some(all) = trunk.media.iter().find(|net| net.prefix_len() == 0) {
            warnings.add(
                &format!("trunk[{i}].media"),
                format!("{all} lets everybody send the media of a call; name the networks of the carrier"),
            );
        }
        if trunk.srtp.0 == Secrecy::Off && trunk.srtp_keys != Trunk::default().srtp_keys {
            warnings.add(
                &format!("trunk[{i}].srtp_keys"),
                "does nothing: trunk.srtp is off; set it to optional or required",
            );
        }
        let by_sdes = trunk.srtp.0 != Secrecy::Off && trunk.srtp_keys.contains(&SrtpKeys::Sdes);
        if !by_sdes && trunk.srtp_suites != Trunk::default().srtp_suites {
            warnings.add(
                &format!("trunk[{i}].srtp_suites"),
                "does nothing: no keys are said in SDP; see trunk.srtp and trunk.srtp_keys",
            );
        }
        for first in trunks.iter().take(i) {
            if let Some(net) = first.shared(trunk).first() {
                let (first, this) = (&first.name, &trunk.name);
                warnings.add(
                    &format!("trunk[{i}]"),
                    format!(
                        "`{this}` and `{first}` take calls from {net} to the same numbers; `{first}` gets them, for it \
                         stands first"
                    ),
                );
            }
        }
    }
}
