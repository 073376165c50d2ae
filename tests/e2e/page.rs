//! The page, driven as a person does: by clicks and typing, and by what is to be seen.

use crate::browser::{Browser, Tab};
use crate::harness::Service;
use serde_json::json;

/// What the steps below use on the page.
const HANDS: &str = include_str!("rig/hands.js");

/// The page, signed in as `user`.
pub fn page<'a>(browser: &'a Browser, service: &Service, user: &str) -> Tab<'a> {
    let tab = browser.open(&format!("http://{}/", service.http));
    tab.evaluate(HANDS);
    tab.evaluate(&format!("await signIn({});", json!(user)));
    tab
}

/// `ann` makes a room with a secret, `bob` joins it from the list.
pub fn two_in_a_room<'a>(browser: &'a Browser, service: &Service, room_type: &str) -> (Tab<'a>, Tab<'a>) {
    let ann = page(browser, service, "ann");
    let bob = page(browser, service, "bob");
    ann.evaluate(&format!(
        "choose('room-type', {});
        await type('subject', 'Morning');
        await type('secret', '4711');
        await click('create-room');
        await until('inside', () => words('live-state') === 'Connected');",
        json!(room_type)
    ));
    bob.evaluate(
        "await until('the room is listed', () => words('rooms').includes('Morning'));
        await type('join-secret', '0000');
        await click('join');
        await until('refused', () => words('notice').includes('entry code is wrong'));
        await type('join-secret', '4711');
        await click('join');
        await until('inside', () => words('live-state') === 'Connected');
        await until('ann is listed', () => row('ann'));",
    );
    ann.evaluate("await until('bob is listed', () => row('bob'));");
    (ann, bob)
}

#[test]
fn two_people_meet_in_a_videoroom_with_a_secret() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = two_in_a_room(&browser, &service, "videoroom");

    // One camera before the other one looks, one after.
    for tab in [&ann, &bob] {
        tab.evaluate("await click('camera'); await plays({ own: 'true', kind: 'camera' });");
    }
    ann.evaluate("await plays({ own: 'false', name: 'bob' });");
    bob.evaluate("await plays({ own: 'false', name: 'ann' });");

    // Who comes later sees what is on the air already.
    let eve = page(&browser, &service, "eve");
    eve.evaluate(
        "await type('join-secret', '4711');
        await click('join');
        await plays({ own: 'false', name: 'ann' });
        await plays({ own: 'false', name: 'bob' });",
    );

    // Mute shows at the others.
    bob.evaluate("await click('mute'); await until('muted', () => words('mute') === 'Unmute');");
    ann.evaluate("await until('mark', () => tile({ name: 'bob', muted: 'true' }));");
    bob.evaluate("await click('camera'); await until('off', () => words('camera') === 'Camera on');");
    ann.evaluate("await until('mark', () => tile({ name: 'bob', off: 'true' }));");
    bob.evaluate("await click('camera');");
    ann.evaluate(
        "await until('back', () => tile({ name: 'bob', off: 'false' })); await plays({ name: 'bob' });",
    );

    // A screen, to its end.
    ann.evaluate("await click('screen'); await plays({ own: 'true', kind: 'screen' });");
    bob.evaluate("await plays({ own: 'false', kind: 'screen' });");
    bob.evaluate(
        "await click('screen'); await until('one sharer', () => words('notice').includes('already'));",
    );
    ann.evaluate("await click('screen');");
    bob.evaluate("await until('no screen', () => !tile({ kind: 'screen' }));");

    // Who leaves takes the picture along.
    eve.evaluate(
        "await click('leave');
        await inLobby();
        await until('told', () => words('notice').includes('You have left'));",
    );
    bob.evaluate("await click('leave');");
    ann.evaluate(
        "await until('no tile', () => !tile({ name: 'bob' }) && tile({ own: 'true' }));
        await until('alone', () => the('participants').children.length === 1);",
    );
}

#[test]
fn chat_whispers_and_kick_out() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = two_in_a_room(&browser, &service, "webinar");
    let eve = page(&browser, &service, "eve");
    eve.evaluate(
        "await type('join-secret', '4711');
        await click('join');
        await until('inside', () => row('bob'));",
    );
    for (tab, text) in [(&ann, "Hello all <b>&amp;"), (&bob, "안녕하세요")] {
        tab.evaluate(&format!(
            "await until('told that eve came', () => line('eve has come in'));
            if (!the('message').checkVisibility()) await click('show-chat');
            await type('message', {});
            await click('send');
            await until('own line', () => line({0})?.dataset.own === 'true');",
            json!(text)
        ));
    }
    for tab in [&ann, &bob, &eve] {
        tab.evaluate("await until('both lines', () => line('Hello all <b>&amp;') && line('안녕하세요'));");
    }
    // Where chat and people take turns, what was not seen yet is counted.
    eve.evaluate(
        "if (!the('show-chat').checkVisibility()) return;
        await until('unread', () => the('unread').checkVisibility() && words('unread').startsWith('2'));
        await click('show-chat');
        await until('read', () => !the('unread').checkVisibility());",
    );
    // To one.
    bob.evaluate(
        "await click('show-people');
        await click(() => row('ann').querySelector('[data-testid=whisper]'), 'whisper to ann');
        await type('message', 'only for ann');
        press('message', 'Enter');
        await until('own whisper', () => line('only for ann')?.dataset.kind === 'whisper');
        choose('recipient', '');
        await type('message', 'for all again');
        await click('send');",
    );
    ann.evaluate("await until('whisper', () => line('only for ann')?.dataset.kind === 'whisper');");
    eve.evaluate(
        "await until('later line', () => line('for all again'));
        if (line('only for ann')) throw new Error('eve reads what is for ann');",
    );
    // A whisper whose reader has gone reaches nobody.
    ann.evaluate("choose('recipient', row('eve').querySelector('[data-testid=whisper]').dataset.session);");

    // Asked first, and removed then.
    bob.evaluate(
        "await click('show-people');
        await click(() => row('eve').querySelector('[data-testid=kick]'), 'remove eve');
        await until('question', () => words('kick-dialog').includes('Remove eve'));
        await click('kick-no');
        if (!row('eve')) throw new Error('removed without a yes');
        await click(() => row('eve').querySelector('[data-testid=kick]'), 'remove eve');
        await click('kick-yes');
        await until('gone', () => !row('eve'));",
    );
    eve.evaluate("await until('told', () => words('notice').includes('has removed you'));");
    ann.evaluate(
        "await until('told', () => line('eve has left'));
        if (!the('message').checkVisibility()) await click('show-chat');
        await type('message', 'not for all');
        await click('send');
        await until('kept', () => words('chat-error').includes('has left'));",
    );
    bob.evaluate("if (line('not for all')) throw new Error('a whisper went to all');");
}

#[test]
fn two_people_call_each_other() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = page(&browser, &service, "ann");
    let bob = page(&browser, &service, "bob");

    // Declined, and free again.
    ann.evaluate(
        "await until('bob is offered', () => [...the('people').children].some((one) => one.value === 'bob'));
        await type('callee', 'bob');
        await click('call-audio');
        await until('rings there', () => words('live-state') === 'It is ringing at bob.');",
    );
    bob.evaluate(
        "await until('rings', () => the('incoming').open);
        if (words('caller') !== 'ann') throw new Error(words('caller'));
        if (words('incoming-title') !== 'Incoming audio call') throw new Error(words('incoming-title'));
        await click('decline');
        await until('closed', () => !the('incoming').open);",
    );
    ann.evaluate(
        "await until('told', () => words('notice') && words('notice').includes('bob has declined'));",
    );

    // Cancelled by the caller.
    ann.evaluate("await type('callee', 'bob'); await click('call-video');");
    bob.evaluate("await until('rings', () => words('incoming-title') === 'Incoming video call');");
    ann.evaluate(
        "await until('can be cancelled', () => words('leave') === 'Cancel call' && !the('leave').disabled);
        await click('leave');
        await until('lobby', () => the('callee').checkVisibility());",
    );
    bob.evaluate("await until('told', () => !the('incoming').open && words('notice').includes('Missed call from ann'));");

    // A video call.
    ann.evaluate("await type('callee', 'bob'); await click('call-video');");
    bob.evaluate("await until('rings', () => the('incoming').open); await click('answer');");
    ann.evaluate(
        "await until('connected', () => words('live-state') === 'Connected');
        await plays({ own: 'true' });
        await plays({ own: 'false', name: 'bob' });",
    );
    bob.evaluate("await plays({ own: 'false', name: 'ann' });");

    // Busy meanwhile.
    let eve = page(&browser, &service, "eve");
    eve.evaluate(
        "await type('callee', 'bob');
        await click('call-audio');
        await until('busy', () => words('notice').includes('in another call') && the('callee').checkVisibility());",
    );
    bob.evaluate("await click('leave'); await until('lobby', () => the('callee').checkVisibility());");
    ann.evaluate("await until('told', () => words('notice').includes('bob has hung up'));");
}

#[test]
fn two_people_in_a_call_write_to_each_other() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = page(&browser, &service, "ann");
    let bob = page(&browser, &service, "bob");
    ann.evaluate(
        "await type('callee', 'bob');
        await click('call-audio');
        await until('rings there', () => words('live-state') === 'It is ringing at bob.');
        if (the('call-chat').checkVisibility()) throw new Error('a chat with nobody');",
    );
    bob.evaluate("await until('rings', () => the('incoming').open); await click('answer');");
    ann.evaluate(
        "await click('call-chat');
        if (the('recipient').checkVisibility()) throw new Error('there is one recipient only');
        await type('message', 'Are you there?');
        await click('send');
        await until('own line', () => line('Are you there?')?.dataset.own === 'true');",
    );
    bob.evaluate(
        "await until('unread', () => the('call-unread').checkVisibility() && words('call-unread') === '1');
        if (the('message').checkVisibility()) throw new Error('open without a click');
        await click('call-chat');
        await until('read', () => !the('call-unread').checkVisibility());
        if (!line('Are you there?').textContent.includes('ann')) throw new Error(words('chat-lines'));
        await type('message', '여기 있어요');
        await click('send');",
    );
    ann.evaluate(
        "await until('answer', () => line('여기 있어요')?.textContent.includes('bob'));
        if (the('call-unread').checkVisibility()) throw new Error('unread though it is on the screen');
        if (the('chat-lines').children.length !== 2) throw new Error(words('chat-lines'));
        await click('call-chat');
        await until('closed', () => !the('message').checkVisibility());
        await click('leave');
        await until('lobby', () => the('callee').checkVisibility());",
    );
}

#[test]
fn on_the_screen_of_a_mobile_nothing_is_cut_off_and_the_message_field_stays_in_sight() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = page(&browser, &service, "김하늘");
    ann.narrow();
    ann.evaluate(
        "choose('language', 'ko');
        await click('get-number');
        await until('number', () => words('number'));
        fits();",
    );
    ann.evaluate(
        "choose('room-type', 'videoroom');
        await type('subject', '매주 월요일 아침 전체 회의와 고객 지원 팀의 주간 업무 보고');
        await click('create-room');
        await until('inside', () => words('live-state') === '연결됨');
        fits();
        await click('show-chat');
        for (let i = 0; i < 12; i += 1) {
            await type('message', `${i}: 안녕하세요`);
            await click('send');
            await until('own line', () => line(`${i}: `));
        }
        fits();
        const field = the('message').getBoundingClientRect();
        const bar = document.querySelector('.controls').getBoundingClientRect();
        if (field.top < 0 || field.bottom > bar.top) throw new Error(`the field is at ${field.bottom}, the bar at ${bar.top}`);
        const [list, last] = [the('chat-lines'), the('chat-lines').lastElementChild].map((one) => one.getBoundingClientRect());
        if (last.bottom > list.bottom + 1 || last.bottom > field.top) throw new Error('the last line is hidden');",
    );
}

#[test]
fn a_telephone_in_a_room_is_marked_and_can_be_removed() {
    let browser = Browser::take();
    let service = Service::start("ivr.language = \"en\"\n");
    let ann = page(&browser, &service, "ann");
    let number = ann.evaluate(
        "choose('room-type', 'videoroom');
        await click('create-room');
        await until('inside', () => words('live-state') === 'Connected');
        return words('room-number');",
    );
    let arguments = [
        "--digits",
        number.as_str().unwrap(),
        "--for",
        "60",
        "--from",
        "01099998888",
    ];
    let phone = service.phone("07012345678", &arguments);
    ann.evaluate(
        "await until('the phone is listed', () => row('01099998888')?.textContent.includes('phone'));
        const who = row('01099998888');
        if (who.querySelector('[data-testid=whisper]')) throw new Error('a telephone has no chat');
        await click(() => who.querySelector('[data-testid=kick]'), 'remove the phone');
        await click('kick-yes');
        await until('gone', () => !row('01099998888'));",
    );
    let report = phone.report();
    assert_eq!(report["end"], "remote_hung_up", "{report}");
}

#[test]
fn devices_are_chosen_and_remembered() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, _bob) = two_in_a_room(&browser, &service, "videoroom");
    let chosen = ann.evaluate(
        "await click('camera');
        await plays({ own: 'true' });
        await click('devices-live');
        const list = await until('microphones', () => the('microphone-choice').options.length > 1 && the('microphone-choice'));
        const other = [...list.options].find((one) => one.value !== list.value).value;
        choose('microphone-choice', other);
        await until('remembered', () => JSON.parse(localStorage.getItem('omnigate.devices'))?.audioinput === other);
        await click('devices-close');
        if (words('devices-error')) throw new Error(words('devices-error'));
        await plays({ own: 'true' });
        return other;",
    );
    // The profile is that of all tests.
    ann.evaluate(&format!(
        "await click('devices-live');
        await until('still chosen', () => the('microphone-choice').value === {chosen});
        localStorage.removeItem('omnigate.devices');"
    ));
}

#[test]
fn the_page_speaks_korean() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = page(&browser, &service, "ann");
    ann.evaluate(
        "choose('language', 'ko');
        await until('Korean', () => document.documentElement.lang === 'ko');
        choose('room-type', 'videoroom');
        if (words('call-video') !== '영상 통화') throw new Error(words('call-video'));
        await type('subject', '아침 회의');
        await click('create-room');
        await until('inside', () => words('live-state') === '연결됨');
        if (words('camera') !== '카메라 켜기') throw new Error(words('camera'));
        isKorean([...document.querySelectorAll('#live-view *')].filter((one) => one.checkVisibility()), /ann/g);
        choose('language', 'en');
        await until('English', () => words('camera') === 'Camera on');",
    );
}
