//! The media plane forwards a browser's video to another one, over UDP and TCP sockets on this machine.

// What the parts of a test share is `pub`; nothing is public in a test.
#![allow(unreachable_pub)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod congestion;
mod strangers;
mod tcp;

use browser::{Browser, ROOM, STREAM, VIEWER, plane, publish, until, view};
use omnigate::media::PeerEvent;
use omnigate::rooms::OpenError;
use omnigate_room::{RoomId, StreamId};
use omnigate_rtc::VideoCodec;
use std::time::{Duration, Instant};
use str0m::RtcConfig;

#[test]
fn a_published_video_reaches_a_viewer_from_a_key_frame_on_and_stops_while_muted() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    let (mut a, mut b) = (Browser::new(|c| c), Browser::new(|c| c));
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);

    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 10));
    assert_eq!(b.received[0].payload[1], 0, "a key frame");
    let figures = plane.figures();
    assert_eq!((figures.streams, figures.viewers, figures.rooms), (1, 1, 0));
    assert!(figures.video_forwarded > 10 && figures.video_received >= figures.video_forwarded);
    assert!(figures.key_frames_requested >= 1);

    plane.mute_stream(STREAM, true);
    let start = Instant::now();
    until(&mut a, &mut b, |_, _| {
        start.elapsed() > Duration::from_millis(300)
    });
    let before = b.received.len();
    let start = Instant::now();
    until(&mut a, &mut b, |_, _| {
        start.elapsed() > Duration::from_millis(300)
    });
    assert_eq!(b.received.len(), before);
    plane.mute_stream(STREAM, false);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > before + 5));
    assert_eq!(b.received[before].payload[1], 0, "a key frame again");

    // The viewer's browser leaves; the publisher goes on.
    let _ = b.rtc.close();
    let mut gone = || events.try_recv() == Ok(PeerEvent::ViewerGone(VIEWER));
    assert!(until(&mut a, &mut b, |_, _| gone()));
    plane.close_viewer(VIEWER);
    plane.close_stream(STREAM);
    assert!(until(&mut a, &mut b, |a, _| !a.rtc.is_alive()), "DTLS close");
    let figures = plane.figures();
    assert_eq!((figures.streams, figures.viewers, figures.failures), (0, 0, 0));
    plane.stop();
}

#[test]
fn a_room_keeps_to_what_all_its_publishers_have() {
    let (plane, _events) = plane(&[VideoCodec::H264, VideoCodec::Vp8]);
    let without_h264 = |c: RtcConfig| c.enable_h264(false);
    assert!(publish(&plane, StreamId(1), &mut Browser::new(|c| c)).contains("H264/90000"));
    assert!(publish(&plane, StreamId(2), &mut Browser::new(without_h264)).contains("VP8/90000"));
    assert!(publish(&plane, StreamId(3), &mut Browser::new(|c| c)).contains("VP8/90000"));
    plane.close_stream(StreamId(2));
    assert!(publish(&plane, StreamId(4), &mut Browser::new(|c| c)).contains("H264/90000"));
    let offer = plane.open_viewer(VIEWER, StreamId(4), ROOM).unwrap();
    assert!(offer.contains("H264/90000") && !offer.contains("VP8"));
    plane.stop();
}

#[test]
fn what_is_not_there_is_refused_and_an_answer_of_no_use_ends_the_viewer() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    let none = plane.open_viewer(VIEWER, STREAM, ROOM);
    assert!(matches!(none, Err(OpenError::NoStream)));
    let garbage = plane.open_stream(STREAM, ROOM, "hello").unwrap_err();
    assert!(garbage.to_string().contains("jsep.sdp"), "{garbage}");
    publish(&plane, STREAM, &mut Browser::new(|c| c));
    let elsewhere = plane.open_viewer(VIEWER, STREAM, RoomId(8));
    assert!(matches!(elsewhere, Err(OpenError::NoStream)));
    plane.open_viewer(VIEWER, STREAM, ROOM).unwrap();
    plane.answer_viewer(VIEWER, "hello".into());
    assert_eq!(events.blocking_recv(), Some(PeerEvent::ViewerGone(VIEWER)));
    assert_eq!(plane.figures().viewers, 0);
    plane.stop();
}
