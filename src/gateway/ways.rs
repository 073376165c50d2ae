//! The gateways of a call to a telephone, one after the other and none twice.

use super::line::{Line, now};
use super::reach::{Place as Asked, Reach};
use super::shared::Gateway;
use crate::clock::unix_now;
use crate::media::MediaPlane;
use crate::sip::Sip;
use crate::trunks::{Channel, OutboundLimits, Route, Usage};
use omnigate_sip::resolve::{Candidate, Place};
use std::collections::{HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info, warn};

/// Gateways that are asked for one call at most.
const MOST: usize = 16;

/// What is left to be tried.
pub(super) struct Ways {
    sip: Sip,
    media: Arc<MediaPlane>,
    /// Whether the call's media is IPv4.
    ipv4: bool,
    usage: Arc<Usage>,
    reach: Arc<Reach>,
    all: Vec<Route>,
    routes: VecDeque<Route>,
    /// Those of the first route, once its names are resolved: which of its gateways, and where.
    candidates: VecDeque<(usize, Candidate)>,
    resolved: bool,
    tried: HashSet<Asked>,
    /// One was passed over because it takes no calls at the moment.
    passed_over: bool,
    /// There is no other: those are asked, too.
    even_those: bool,
    /// The last one, as long as it has said nothing.
    asked: Option<Asked>,
    /// Of the trunk that is called by.
    channel: Option<Channel>,
}

/// An INVITE that is on its way.
pub(super) struct Attempt {
    pub(super) trunk: String,
    pub(super) gateway: SocketAddr,
    pub(super) sip_call_id: String,
    pub(super) limits: OutboundLimits,
    /// Final responses after which the next gateway is asked.
    pub(super) next_on: Arc<[u16]>,
}

impl Ways {
    /// An address of the family that the call's media has: that of its first gateway, as far as that is written as an
    /// address, else that of our SIP.
    pub(super) fn family(first: &Route, sip: &Sip) -> IpAddr {
        let written = first
            .trunk
            .gateways()
            .iter()
            .find_map(|gateway| match gateway.target().place {
                Place::Address(address) => Some(address),
                Place::Name(_) => None,
            });
        let own = sip.addresses().first().map(|(_, at)| at.ip());
        written.or(own).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// `family` is that of [`Ways::family`].
    pub(super) fn new(gateway: &Gateway, family: IpAddr, routes: Vec<Route>) -> Ways {
        Ways {
            sip: gateway.sip.clone(),
            media: gateway.media.clone(),
            usage: gateway.usage.clone(),
            reach: gateway.reach.clone(),
            ipv4: family.is_ipv4(),
            all: routes.clone(),
            routes: routes.into(),
            candidates: VecDeque::new(),
            resolved: false,
            tried: HashSet::new(),
            passed_over: false,
            even_those: false,
            asked: None,
            channel: None,
        }
    }

    /// Sends an INVITE to the next gateway that can be sent one; `None`: there is none.
    pub(super) async fn next(&mut self, line: &mut Line) -> Option<Attempt> {
        // Its time is over.
        self.fails(None);
        while self.tried.len() < MOST {
            let Some(route) = self.routes.front().cloned() else {
                if !self.passed_over || self.even_those {
                    return None;
                }
                self.even_those = true;
                self.routes = self.all.clone().into();
                continue;
            };
            if !self.resolved {
                self.resolved = true;
                self.open(&route).await;
            }
            let Some((gateway, candidate)) = self.candidates.pop_front() else {
                self.routes.pop_front();
                (self.resolved, self.channel) = (false, None);
                continue;
            };
            let place = (candidate.transport, candidate.address);
            if !self.even_those && self.reach.is_down(place, now()) {
                self.passed_over = true;
                continue;
            }
            if !self.tried.insert(place) {
                continue;
            }
            if let Some(attempt) = self.invite(&route, gateway, &candidate, line).await {
                self.asked = Some(place);
                return Some(attempt);
            }
        }
        None
    }

    /// The channel of the trunk that is called by, for whoever keeps it as long as the call lasts.
    pub(super) fn take_channel(&mut self) -> Option<Channel> {
        self.channel.take()
    }

    /// Goes on by these, to another number: whoever has been asked for the last one may be asked again.
    pub(super) fn follow(&mut self, routes: Vec<Route>) {
        (self.all, self.routes) = (routes.clone(), routes.into());
        self.candidates.clear();
        self.tried.clear();
        (self.resolved, self.passed_over, self.even_those) = (false, false, false);
        self.channel = None;
    }

    /// The gateway that was asked last has said something: it takes calls.
    pub(super) fn works(&mut self) {
        if let Some(gateway) = self.asked.take() {
            self.reach.works(gateway);
        }
    }

    /// The gateway that was asked last has not answered, or asks to be left alone for so long.
    pub(super) fn fails(&mut self, retry_after: Option<Duration>) {
        let Some(gateway) = self.asked.take() else {
            return;
        };
        if let Some(time) = self.reach.fails(gateway, retry_after, now()) {
            let trouble = self.sip.trouble(gateway.1).map(tracing::field::display);
            let seconds = time.as_secs();
            warn!(gateway = %gateway.1, seconds, trouble, "a gateway takes no calls; it is passed over");
        }
    }

    /// Takes a channel of the route's trunk and finds out where its gateways are.
    async fn open(&mut self, route: &Route) {
        match self.usage.channel(route, unix_now()) {
            Ok(channel) => self.channel = Some(channel),
            Err(refusal) => return info!(trunk = route.trunk.name, why = %refusal, "a trunk is passed over"),
        }
        for (at, gateway) in route.trunk.gateways().iter().enumerate() {
            match self.sip.resolve(std::slice::from_ref(gateway.target())).await {
                Ok(found) => self
                    .candidates
                    .extend(found.into_iter().map(|candidate| (at, candidate))),
                Err(error) => info!(%gateway, %error, "a gateway is passed over"),
            }
        }
    }

    async fn invite(
        &self,
        route: &Route,
        gateway: usize,
        candidate: &Candidate,
        line: &mut Line,
    ) -> Option<Attempt> {
        let gateway = route.trunk.gateways().get(gateway)?;
        if candidate.address.is_ipv4() != self.ipv4 {
            info!(%gateway, "a gateway of the other address family is passed over");
            return None;
        }
        let listeners = self.sip.listeners();
        let Some(hop) = self.sip.way(candidate, &route.trunk.name) else {
            info!(%gateway, "no listener of ours reaches a gateway");
            return None;
        };
        let own = listeners.own(&hop);
        let host = candidate.address.ip();
        let offer = line.redial(route.trunk.clone(), host, self.media.advertised(host));
        let invitation = match route.invitation(gateway, hop, &own, offer) {
            Ok(invitation) => invitation,
            Err(error) => {
                debug!(%error, "the called address cannot be written");
                return None;
            }
        };
        let (call, sip_call_id) = self.sip.invite(invitation).await?;
        line.dial(call);
        Some(Attempt {
            trunk: route.trunk.name.clone(),
            gateway: candidate.address,
            sip_call_id,
            limits: route.trunk.limits(),
            next_on: route.trunk.next_on(),
        })
    }
}
