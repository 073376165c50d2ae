//! End to end: a real `omnigate serve` against real peers (sipp, baresip, PJSIP, Chromium with the published SDKs).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
// What the parts of a test share is `pub`; nothing is public in a test.
#![allow(unreachable_pub)]

mod app;
mod audio;
mod authority;
mod browser;
mod browser_client;
mod busy;
mod calls_to_people;
mod calls_to_telephones;
mod capture;
mod carrier_quirks;
mod check;
mod draining;
mod ecdsa;
mod exchange;
mod gateway_of_itself;
mod handshaken_media;
mod harness;
mod kamailio;
mod listener;
mod lossy;
mod network;
mod nothing_left;
mod one_id;
mod owners;
mod page;
mod page_recordings;
mod parts_that_die;
mod passwords;
mod pjsip;
mod proxy;
mod raw_rtp;
mod raw_sip;
mod receiver;
mod recordings;
mod recordings_faults;
mod recordings_kept;
mod recordings_kill;
mod recordings_told;
mod registrations;
mod rooms_with_browsers;
mod sdk_calls;
mod sdk_react_native;
mod sdk_rooms;
mod sdk_sessions;
mod sdk_video;
mod sealed_media;
mod sip_dialogs;
mod sip_faults;
mod sip_offers;
mod sip_races;
mod sip_tls;
mod sip_tls_out;
mod sip_torture;
mod sip_ways;
mod sipp;
mod softphone;
mod transfers;
mod trunk_status;
mod turn;
mod wideband;
mod wire;
