//! Recording on the page: the button and the mark in rooms and calls, and the view of what was recorded.

use crate::app::App;
use crate::browser::{Browser, Tab};
use crate::harness::Service;
use crate::page::{page, two_in_a_room};
use crate::recordings::{api, running};
use serde_json::json;
use std::time::Duration;

/// The steps on top of those of `page.rs`.
const MORE_HANDS: &str = include_str!("rig/hands-recordings.js");

/// What the tests need on any disk.
const SMALL: &str = "recording.min_free_mib = 1\n";

fn hands(tab: &Tab<'_>) {
    tab.evaluate(MORE_HANDS);
}

fn view<'a>(browser: &'a Browser, service: &Service, user: &str) -> Tab<'a> {
    let tab = page(browser, service, user);
    hands(&tab);
    tab.evaluate("await click('recordings-open');");
    if !service.token().is_empty() {
        give_token(&tab, service);
    }
    tab
}

/// Whoever runs the service has its token.
fn give_token(tab: &Tab<'_>, service: &Service) {
    tab.evaluate(&format!(
        "await until('asked', () => the('api-token').checkVisibility());
        await type('api-token', {});
        await click('token-give');",
        json!(service.token())
    ));
}

/// An app without media that records one room for a moment.
fn record_shortly(service: &Service, user: &str) {
    let mut app = App::sign_in(service, user);
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
    app.request("JOIN_ROOM", json!({"room_id": room, "user_name": user}));
    for action in ["start", "stop"] {
        let answer = app.request("RECORDING", json!({"action": action, "track": "audio"}));
        assert_eq!(answer["result"], "success", "{answer}");
    }
}

#[test]
fn whoever_is_in_a_room_sees_that_it_is_recorded_and_everybody_records_once_a_stay() {
    let browser = Browser::take();
    let service = Service::start(SMALL);
    let (ann, bob) = two_in_a_room(&browser, &service, "audioroom");
    for tab in [&ann, &bob] {
        hands(tab);
        tab.evaluate(
            "must(words('recorded') === '' && !isMarked(), 'marked though nobody records');
            must(the('recorded').getAttribute('role') === 'status', 'no screen reader is told');",
        );
    }
    ann.evaluate("await click('record'); await until('mine', () => words('record') === 'Stop recording');");
    for tab in [&ann, &bob] {
        tab.evaluate(
            "await until('mark', () => words('recorded') === 'This room is being recorded' && isMarked());
            const [red, green, blue] = getComputedStyle(the('recorded')).backgroundColor.match(/\\d+/g).map(Number);
            must(red > 2 * green && red > 2 * blue, `not red: ${red} ${green} ${blue}`);",
        );
    }
    bob.evaluate("must(words('record') === 'Record', 'it is the recording of ann');");
    running(&service);

    // Somebody who comes later, in another language.
    let eve = page(&browser, &service, "eve");
    hands(&eve);
    eve.evaluate(
        "choose('language', 'ko');
        await type('join-secret', '4711');
        await click('join');
        await until('mark', () => words('recorded') === '이 방은 녹음 중입니다' && isMarked());",
    );

    // Two record: the mark stays as long as one of them does.
    bob.evaluate("await click('record'); await until('mine', () => words('record') === 'Stop recording');");
    ann.evaluate(
        "await click('record');
        await until('off', () => words('record') === 'Recorded' && the('record').disabled);
        must(words('notice').includes('once a stay'), words('notice'));
        must(isMarked(), 'bob records still');",
    );
    bob.evaluate("await click('leave'); await inLobby();");
    for tab in [&ann, &eve] {
        tab.evaluate("await until('no mark', () => words('recorded') === '' && !isMarked());");
    }
    bob.evaluate("must(words('recorded') === '' && !isMarked(), 'a mark in the lobby');");

    // A new stay, a new recording.
    ann.evaluate(
        "must(the('record').disabled, 'a second recording in one stay');
        await click('leave');
        await inLobby();
        await type('join-secret', '4711');
        await click('join');
        await until('again', () => the('record').checkVisibility() && words('record') === 'Record');
        await click('record');
        await until('mark', () => isMarked());",
    );
    eve.evaluate("await until('mark', () => isMarked());");
}

#[test]
fn a_call_is_recorded_and_a_refusal_tells_the_reason() {
    let browser = Browser::take();
    let service = Service::start(SMALL);
    let ann = page(&browser, &service, "ann");
    let bob = page(&browser, &service, "bob");
    for tab in [&ann, &bob] {
        hands(tab);
    }
    ann.evaluate(
        "await type('callee', 'bob');
        await click('call-audio');
        await until('rings there', () => words('live-state') === 'It is ringing at bob.');
        must(!the('record').checkVisibility(), 'nobody is there to be recorded');",
    );
    bob.evaluate("await until('rings', () => the('incoming').open); await click('answer');");
    bob.evaluate("await click('record'); await until('mark', () => isMarked());");
    ann.evaluate(
        "await until('mark', () => words('recorded') === 'This call is being recorded' && isMarked());",
    );
    bob.evaluate(
        "await click('record');
        await until('off', () => the('record').disabled && !isMarked());
        // Whoever gets round the button is refused.
        the('record').disabled = false;
        the('record').click();
        await until('refused', () => words('notice').includes('recorded in this stay already'));
        must(the('record').disabled && !isMarked(), 'recorded twice');",
    );
    ann.evaluate("await until('no mark', () => !isMarked());");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_marked() {
    let browser = Browser::take();
    // A pebibyte is never free.
    let service = Service::start("recording.min_free_mib = 1073741824\n");
    let (ann, bob) = two_in_a_room(&browser, &service, "audioroom");
    for tab in [&ann, &bob] {
        hands(tab);
    }
    ann.evaluate(
        "await click('record');
        await until('refused', () => the('notice').dataset.kind === 'error' && words('notice').includes('disk is full'));
        must(words('record') === 'Record' && !the('record').disabled, 'it can be tried again');",
    );
    for tab in [&ann, &bob] {
        tab.evaluate("must(words('recorded') === '' && !isMarked(), 'marked though nothing records');");
    }
}

#[test]
fn a_recording_is_watched_played_seeked_downloaded_and_deleted() {
    let browser = Browser::take();
    let service = Service::start(&format!("{SMALL}recording.content = \"participants\"\n"));
    let (ann, bob) = two_in_a_room(&browser, &service, "audioroom");
    ann.evaluate("await click('record');");
    let id = running(&service);
    let eve = view(&browser, &service, "eve");
    eve.evaluate(
        "await until('it is listed', () => rows().length === 1 && stateOf(rows()[0]) === 'recording');
        const told = rows()[0].textContent;
        must(told.includes('Morning') && told.includes('Audio room') && told.includes('by ann'), told);
        must(told.includes(String(new Date().getFullYear())), told);
        await click(() => rows()[0].querySelector('button'), 'the recording');
        await until('cannot be heard yet', () => words('sound-none').includes('once it has ended'));
        must(!the('play').checkVisibility() && !the('delete').checkVisibility(), 'it is not finished');",
    );
    bob.evaluate("await click('mute'); await until('muted', () => words('mute') === 'Unmute');");
    std::thread::sleep(Duration::from_millis(1500));
    bob.evaluate("await click('mute'); await until('back', () => words('mute') === 'Mute');");
    for (action, after) in [("pause", 1500), ("resume", 3000)] {
        let path = format!("/api/v1/recordings/{id}/{action}");
        assert_eq!(service.request("POST", &path).0, 204);
        std::thread::sleep(Duration::from_millis(after));
    }
    ann.evaluate("await click('record'); await until('off', () => the('record').disabled);");

    // Without a click of eve: the open recording becomes one to be played.
    eve.evaluate(
        "await until('finished', () => stateOf(rows()[0]) === 'finished' && words('recording-state') === 'finished');
        await until('sound', () => the('play').checkVisibility());
        must(rows()[0].textContent.includes('stopped'), rows()[0].textContent);
        must(words('recording-facts').includes('ann') && words('recording-facts').includes('stopped'), words('recording-facts'));
        must([...the('recording-people').children].map((one) => one.textContent).join() === 'ann,bob', words('recording-people'));
        await until('spans', () => words('sound-spans').includes('bob was muted') && words('sound-spans').includes('Paused'));
        must(!words('sound-spans').includes('ann was muted'), words('sound-spans'));
        must(the('wave').querySelectorAll('rect[data-kind]').length === the('sound-spans').children.length, 'not on the waveform');",
    );
    let told = api(&service, &format!("/api/v1/recordings/{id}"));
    let length = told["duration"].as_f64().unwrap();
    // The waveform has silence where it was paused, and sound elsewhere.
    let paused = &told["timeline"]["paused"][0];
    let span = |i: usize| paused[i].as_f64().unwrap() / 1e6 / length;
    eve.evaluate(&format!(
        "isSilentWithin({}, {});
        const seconds = String(Math.round({length})).padStart(2, '0');
        must(words('position') === `0:00 / 0:${{seconds}}`, words('position'));",
        span(0),
        span(1)
    ));
    eve.evaluate(&format!(
        "await listens();
        pointAtMiddle();
        const sound = the('recording-sound');
        await until('the middle', () => Math.abs(sound.currentTime - {length} / 2) < 0.1);
        await until('is shown', () => at() === Math.floor({length} / 2));
        press('wave', 'Home');
        await until('the start', () => sound.currentTime === 0 && at() === 0);
        press('wave', 'ArrowRight');
        await until('five seconds', () => sound.currentTime === 5 && at() === 5);
        press('wave', 'ArrowLeft');
        press('wave', 'ArrowLeft');
        await until('not before the start', () => at() === 0);
        press('wave', ' ');
        await until('plays', () => !sound.paused);
        press('wave', 'End');
        await until('to the end', () => sound.paused && at() === {});
        press('wave', 'Home');
        must(the('wave').tabIndex === 0 && the('wave').getAttribute('role') === 'slider', 'no slider');",
        length.floor()
    ));
    // One voice alone; and every file.
    eve.evaluate(
        "const names = [...the('sound-choice').options].map((one) => one.textContent).join();
        must(names === 'Everybody,ann,bob', names);
        const voices = [...the('sound-choice').options].map((one) => one.value);
        choose('sound-choice', voices[2]);
        await listens();
        must(the('recording-sound').src.startsWith('blob:') && voices[2] !== voices[1], the('recording-sound').src);
        must(words('sound-spans').includes('bob was muted'), words('sound-spans'));
        choose('sound-choice', voices[1]);
        await until('the pause alone', () => !words('sound-spans').includes('bob'));
        must(the('recording-sound').paused, 'it plays what was chosen before');",
    );
    let files = told["files"].as_array().unwrap();
    let wanted: Vec<_> = files
        .iter()
        .map(|f| (f["name"].clone(), f["size"].clone()))
        .collect();
    assert!(wanted.len() >= 4, "{told}");
    eve.evaluate(&format!("await canDownload({});", json!(wanted)));
    eve.evaluate(
        "await click('delete');
        await until('question', () => the('delete-dialog').open && words('delete-dialog').includes('Morning'));
        await click('delete-no');
        await until('closed', () => !the('delete-dialog').open);
        must(rows().length === 1 && the('play').checkVisibility(), 'deleted without a yes');",
    );
    let path = format!("/api/v1/recordings/{id}");
    assert_eq!(service.request("GET", &path).0, 200);
    eve.evaluate(
        "await click('delete');
        await click('delete-yes');
        await until('told', () => words('notice').includes('is deleted'));
        await until('empty', () => rows().length === 0 && the('recordings-empty').checkVisibility());
        must(!the('recording').checkVisibility(), 'it is still shown');
        await click('recordings-back');
        await inLobby();",
    );
    assert_eq!(service.request("GET", &path).0, 404);
}

#[test]
fn with_an_api_token_the_view_asks_for_it_and_the_sound_is_fetched_with_it() {
    let browser = Browser::take();
    let service = Service::start(&format!("{SMALL}api.token = \"right\"\n"));
    let ann = page(&browser, &service, "ann");
    hands(&ann);
    ann.evaluate(
        "await click('create-room');
        await until('inside', () => words('live-state') === 'Connected');
        await click('record');
        await until('mark', () => isMarked());
        await new Promise((done) => setTimeout(done, 2500));
        await click('leave');
        await inLobby();
        await click('recordings-open');
        await until('asked', () => the('api-token').checkVisibility());
        must(!the('token-wrong').checkVisibility() && !the('recordings').checkVisibility(), 'too early');
        await type('api-token', 'wrong');
        await click('token-give');
        await until('told', () => the('token-wrong').checkVisibility());
        must(sessionStorage.getItem('omnigate.api-token') === null, 'a wrong one is kept');
        await type('api-token', 'right');
        await click('token-give');
        await until('the list', () => rows().length === 1);
        must(sessionStorage.getItem('omnigate.api-token') === 'right', 'not kept');
        must(!JSON.stringify({ ...localStorage }).includes('right') && !document.cookie, 'kept too well');",
    );
    ann.evaluate(
        "await openFirst();
        must(rows()[0].textContent.includes('on leaving'), rows()[0].textContent);
        await listens();
        must(the('recording-sound').src.startsWith('blob:'), the('recording-sound').src);
        // What a link alone would get.
        const link = document.querySelector('[data-testid=download]');
        must((await fetch(link.href)).status === 401, 'it needs no token');
        const saved = await savedBy(link);
        must(saved.name.endsWith('mix.opus') && saved.begin === 'OggS', JSON.stringify(saved));",
    );
    // Another tab is asked too.
    let bob = page(&browser, &service, "bob");
    hands(&bob);
    bob.evaluate(
        "await click('recordings-open'); await until('asked', () => the('api-token').checkVisibility());",
    );
}

#[test]
fn many_recordings_come_page_by_page_and_a_failure_is_told_until_it_is_over() {
    let browser = Browser::take();
    let service = Service::start(SMALL);
    for i in 0..22 {
        record_shortly(&service, &format!("user{i}."));
    }
    let ann = view(&browser, &service, "ann");
    ann.evaluate(
        "await until('the newest', () => rows().length === 20);
        await click('recordings-more');
        await until('all', () => rows().length === 22);
        must(new Set(rows().map((one) => one.dataset.key)).size === 22, 'twice the same');
        const by = (user) => rows().some((one) => one.textContent.includes(`by user${user}.`));
        for (let i = 0; i < 22; i += 1) must(by(i), `user${i} is missing`);
        await until('no more', () => !the('recordings-more').checkVisibility());",
    );
    // What comes later is added at the top by itself, and what was fetched stays.
    record_shortly(&service, "latest");
    ann.evaluate(
        "await until('the latest', () => rows().length === 23 && rows()[0].textContent.includes('by latest'));
        must(!the('recordings-more').checkVisibility(), 'there is nothing older');
        window.really = window.fetch;
        window.fetch = async () => { throw new TypeError('no network'); };
        await until('told', () => the('recordings-problem').checkVisibility() && words('recordings-problem').includes('could not be loaded'));
        must(rows().length === 23, 'what is known goes away');
        window.fetch = async () => new Response(JSON.stringify({ detail: 'cannot be read at the moment' }), { status: 503 });
        await until('the reason', () => words('recordings-problem').includes('cannot be read at the moment'));
        window.fetch = window.really;
        await until('over', () => !the('recordings-problem').checkVisibility());",
    );
}

#[test]
fn recording_fits_on_a_mobile_in_korean() {
    let browser = Browser::take();
    let service = Service::start(SMALL);
    let ann = page(&browser, &service, "김하늘");
    hands(&ann);
    ann.narrow();
    ann.evaluate(
        "choose('room-type', 'videoroom');
        await type('subject', '매주 월요일 아침 전체 회의와 고객 지원 팀의 주간 업무 보고');
        await click('create-room');
        await until('inside', () => words('live-state') === 'Connected');
        fitsInBothLanguages();
        await click('record');
        await until('mark', () => isMarked() && words('recorded') === '이 방은 녹음 중입니다');
        fitsInBothLanguages();
        await new Promise((done) => setTimeout(done, 1000));
        await click('record');
        await until('off', () => words('record') === '녹음 완료');
        fitsInBothLanguages();
        await click('leave');
        await inLobby();
        fits();
        await click('recordings-open');
        await until('asked', () => the('api-token').checkVisibility());
        fits();",
    );
    give_token(&ann, &service);
    ann.evaluate(
        "await until('finished', () => rows().length === 1 && stateOf(rows()[0]) === '완료');
        fits();
        await click(() => rows()[0].querySelector('button'), 'the recording');
        await until('the recording', () => the('play').checkVisibility());
        must(!the('recordings').checkVisibility(), 'list and recording beside each other');
        fits();
        isKorean([...document.querySelectorAll('#recordings-view *, #delete-dialog *')], /김하늘|OPUS|WAV|kHz|kB|MB|API/g);
        await click('recording-back');
        await until('list', () => the('recordings').checkVisibility() && !the('recording').checkVisibility());
        choose('language', 'en');",
    );
}
