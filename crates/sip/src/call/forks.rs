//! An INVITE that we sent and the early dialogs that come of it: proxies may fork it (RFC 3261 section 13.2.2.4).

use super::settings::FORKS;
use super::way::NatRule;
use crate::dialog::Dialog;
use crate::hop::Hop;
use crate::message::{Headers, Request, Response};
use crate::transaction::ClientId;
use bytes::Bytes;
use std::time::Instant;

/// The INVITE and what has come back.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) client: ClientId,
    /// The INVITE without Via, to try again from.
    pub(super) request: Request,
    pub(super) nat: NatRule,
    pub(super) hop: Hop,
    pub(super) offered: bool,
    pub(super) forks: Vec<Fork>,
    /// The fork whose dialog is the call's at the moment.
    pub(super) selected: Option<usize>,
    /// Tags of those whose 2xx was one too many.
    pub(super) declined: Vec<Box<str>>,
    pub(super) ring_until: Instant,
    pub(super) cancelled: bool,
    /// Tries with a longer session interval (RFC 4028 section 7.3).
    pub(super) retried: bool,
}

/// An early dialog.
#[derive(Debug)]
pub(super) struct Fork {
    pub(super) tag: Box<str>,
    /// Its dialog; that of the selected one is the call's.
    pub(super) dialog: Dialog,
    /// RSeq of the last reliable response.
    pub(super) rseq: Option<u32>,
    pub(super) answered: bool,
}

/// An ACK that is sent again when its 2xx comes again.
#[derive(Debug)]
pub(super) struct SentAck {
    pub(super) number: u32,
    pub(super) bytes: Bytes,
    pub(super) hop: Hop,
}

impl Outgoing {
    pub(super) fn deadline(&self, early: bool) -> Option<Instant> {
        (early && !self.cancelled).then_some(self.ring_until)
    }

    /// Where the early dialog of a response with a To tag is; `None` when there are too many.
    pub(super) fn fork(&mut self, response: &Response) -> Option<usize> {
        let tag = response.headers.to_tag()?;
        if let Some(at) = self.forks.iter().position(|f| &*f.tag == tag) {
            return Some(at);
        }
        if self.forks.len() >= FORKS {
            return None;
        }
        self.forks.push(Fork {
            tag: tag.into(),
            dialog: Dialog::of_client(&self.request, &response.headers),
            rseq: None,
            answered: false,
        });
        Some(self.forks.len() - 1)
    }

    /// Makes the dialog of a fork the call's.
    pub(super) fn select(&mut self, at: usize, dialog: &mut Dialog) {
        if self.selected == Some(at) {
            return;
        }
        self.deselect(dialog);
        if let Some(fork) = self.forks.get_mut(at) {
            std::mem::swap(&mut fork.dialog, dialog);
            self.selected = Some(at);
        }
    }

    /// Gives the call's dialog back to its fork.
    pub(super) fn deselect(&mut self, dialog: &mut Dialog) {
        if let Some(fork) = self.selected.take().and_then(|at| self.forks.get_mut(at)) {
            std::mem::swap(&mut fork.dialog, dialog);
        }
    }

    /// Makes the dialog of the fork that sent this request the call's.
    pub(super) fn select_of(&mut self, request: &Headers, dialog: &mut Dialog) {
        if dialog.is_of(request) {
            return;
        }
        if let Some(at) = self.forks.iter().position(|f| f.dialog.is_of(request)) {
            self.select(at, dialog);
        }
    }

    pub(super) fn is_of(&self, request: &Headers) -> bool {
        self.forks.iter().any(|f| f.dialog.is_of(request))
    }
}
