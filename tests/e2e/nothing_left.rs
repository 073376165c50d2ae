//! Whoever comes and goes leaves nothing behind, by whatever door: the harness looks after each test; here are the doors.

use crate::app::App;
use crate::browser::{Browser, Sdk};
use crate::harness::{Phone, Service};
use crate::page::page;
use serde_json::json;

const ROUNDS: usize = 10;

/// Nobody is in any mixer any more, while the service goes on and its clients are still there.
fn no_media(service: &Service) {
    service.until("all media are given back", || {
        ["legs", "peers", "rooms", "streams", "viewers", "captures"]
            .iter()
            .all(|what| service.metric(&format!("omnigate_media_{what}")) == 0.0)
    });
}

#[test]
fn ten_joins_and_leaves_of_our_own_client_leave_nothing() {
    let browser = Browser::take();
    let service = Service::start("");
    let tab = browser.open(&format!("http://{}/", service.http));
    tab.evaluate(&format!(
        "const {{ Omnitalk }} = await import('/omnitalk.js');
        for (let round = 0; round < {ROUNDS}; round += 1) {{
            const client = new Omnitalk('demo', 'demo');
            await client.createSession('ann');
            const up = new Promise((done) => client.on('media', ({{ state }}) => state === 'connected' && done()));
            const {{ room_id: room }} = await client.createRoom('videoroom');
            await client.joinRoom(room);
            await client.publish();
            await up;
            await client.leave();
        }}"
    ));
    no_media(&service);
}

#[test]
fn ten_joins_and_leaves_of_the_published_sdks_leave_nothing() {
    let browser = Browser::take();
    let service = Service::start("");
    for sdk in [Sdk::TypeScript, Sdk::ReactNative] {
        for round in 0..ROUNDS {
            let tab = browser.app(&service, sdk, &format!("ann{round}"));
            let room = tab.new_room("audioroom");
            tab.join(&room);
            tab.run("await sdk.leave()");
        }
        no_media(&service);
    }
}

#[test]
fn a_tab_that_is_closed_or_killed_leaves_nothing() {
    let browser = Browser::take();
    let service = Service::start("");
    let inside = || {
        let tab = page(&browser, &service, "ann");
        tab.evaluate(
            "await type('subject', 'Morning');
            await click('create-room');
            await until('inside', () => words('live-state') === 'Connected');",
        );
        service.until("it is inside", || service.metric("omnigate_media_peers") == 1.0);
        tab
    };
    inside().close();
    no_media(&service);
    inside().kill();
    no_media(&service);
}

#[test]
fn telephones_that_hang_up_at_any_moment_on_four_threads_leave_nothing() {
    let service = Service::start("media.shards = 4\nmedia.rtp_timeout_seconds = 2\n");
    let mut app = App::sign_in(&service, "ann");
    for round in 0..10 {
        let mut phones: Vec<Phone> = (0..4)
            .map(|n| {
                let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
                let made = app.request("MAKE_SIPNUM", json!({"room_id": room}));
                let digits = made["call_number"].as_str().unwrap().to_owned();
                let from = format!("0105555{round:02}{n:02}");
                service.phone(
                    "07012345678",
                    &["--digits", &digits, "--for", "30", "--from", &from],
                )
            })
            .collect();
        // At the moment of the join, whenever that is.
        let talking = |service: &Service| service.calls().iter().filter(|c| c["state"] == "talking").count();
        service.until("somebody has joined", || talking(&service) > 0);
        phones.iter_mut().step_by(2).for_each(Phone::vanish);
        drop(phones);
        service.until("all calls have ended", || {
            service.calls().iter().all(|c| c["state"] == "ended")
        });
    }
    no_media(&service);
}
