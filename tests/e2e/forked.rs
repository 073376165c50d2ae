//! One call that rings at two telephones: a proxy of the carrier's (Kamailio) forks it.

use crate::audio::assert_hears;
use crate::browser::{Browser, Sdk};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::kamailio::{Kamailio, free_port};
use serde_json::json;

const NUMBER: &str = "02-123-4567";

#[test]
fn of_two_telephones_that_ring_the_one_that_answers_talks_and_the_other_rings_no_more() {
    let browser = Browser::take();
    let (desk, mobile) = (Exchange::new(), Exchange::new());
    let [first, second] = [&desk, &mobile].map(|one| format!("sip:021234567@{}", one.address()));
    let fork = format!("$ru = \"{first}\"; append_branch(\"{second}\"); t_relay();");
    let address = free_port();
    let dir = std::env::temp_dir().join(format!("omnigate-e2e-fork-{}", std::process::id()));
    let _proxy = Kamailio::with(&dir, address, "loadmodule \"corex.so\"\n", &fork);
    let service = Service::start(&Exchange::trunk(&[format!("sip:{address}")], ""));
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.tone(600.0);
    ann.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));

    // Both are dialogs of their own; the first is heard before anybody answers.
    let (mut desk_rings, mut mobile_rings) = (desk.rings(), mobile.rings());
    mobile_rings.respond(180, "");
    desk_rings.respond_with_sdp(183);
    desk_rings.says(900.0);
    ann.wait_for_tones(&[900.0]);

    mobile_rings.says(1_300.0);
    mobile_rings.answers();
    desk_rings.is_cancelled();
    let telephone = ann.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    ann.wait_for_tones(&[1_300.0]);
    // The desk's telephone goes on for a while: nobody hears it any more.
    ann.wait_for_silence(900.0);
    assert_hears("ann", &ann.listen(1.5), 48_000, &[1_300.0], 900.0);
    mobile_rings.hears();

    mobile_rings.hangs_up();
    ann.event("LEAVE_EVENT", json!({"session": telephone["session"]}));
    assert_eq!(service.last_reason(), "callee_hung_up");
    assert_eq!(service.calls().len(), 1, "it was one call");
}
