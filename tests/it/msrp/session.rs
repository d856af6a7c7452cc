//! What two endpoints do, message by message.

use bytes::Bytes;
use simple_im::msrp::{Endpoint, Letter, NoSession, Part};
use simple_im::profile::{Chunking, Reports, SetupAnswer, SetupOffer};
use simple_im::{
    Down, Event, Failure, FailureReport, Machine, MessageId, Misuse, MsrpEvent, Notice, Outcome,
    Status, Timer,
};

use super::pair::{Host, Pair, letter, octets};

const LARGE: usize = 64 * 1024;

/// Sessions of which `a` may be interrupted in chunks of 64 KiB.
fn interruptible(sessions: usize) -> Pair {
    let mut pair = Pair::up(sessions);
    pair.a.config.profile.msrp_chunk = Chunking::Interruptible(LARGE);
    pair
}

fn outcome(host: &Host, message: MessageId) -> Outcome {
    host.outcomes[&(0, message)]
}

/// Frames without the answers.
fn requests(host: &Host) -> Vec<&str> {
    let lines = host.wrote.iter().map(String::as_str);
    lines.filter(|line| line.contains(' ')).collect()
}

fn confirmed(mut letter: Letter) -> Letter {
    letter.success = true;
    letter
}

// --- Getting together

#[test]
fn each_setup_role_makes_a_session() {
    for (ours, theirs, active) in [
        (SetupOffer::Actpass, SetupAnswer::Passive, true),
        (SetupOffer::Actpass, SetupAnswer::Active, false),
        (SetupOffer::Active, SetupAnswer::Active, true),
        (SetupOffer::Omit, SetupAnswer::Active, true),
    ] {
        let mut pair = Pair::new(1, |config| {
            config.profile.setup_offer = ours;
            config.profile.setup_answer = theirs;
        });
        let offer = pair.a.with(0, |endpoint, cx| endpoint.offer(cx)).unwrap();
        let answer = pair
            .b
            .with(0, |endpoint, cx| endpoint.answer(offer.sdp, cx));
        let answer = answer.unwrap();
        pair.a
            .with(0, |endpoint, cx| endpoint.conclude(answer.sdp, cx))
            .unwrap();
        let one = if active { &mut pair.a } else { &mut pair.b };
        let at = (simple_im::MachineId(0), one.endpoints[0].leg());
        assert!(one.sessions.target(at).is_some(), "{ours:?}");
        assert!(one.connection.connected(&mut one.sessions, at));
        pair.a.send(0, letter(5), octets(5));
        pair.b.send(0, letter(7), octets(7));
        pair.run();
        assert_eq!(pair.b.received, [(0, octets(5))]);
        assert_eq!(pair.a.received, [(0, octets(7))]);
        pair.close();
    }
}

#[test]
fn who_knows_the_path_needs_no_description() {
    let mut pair = Pair::new(1, |_| {});
    let ours = pair.a.with(0, |endpoint, cx| endpoint.offer(cx)).unwrap();
    let theirs = pair.b.with(0, |endpoint, cx| endpoint.offer(cx)).unwrap();
    let path = |path: &Bytes| String::from_utf8(path.to_vec()).unwrap();
    let (ours, theirs) = (path(&ours.path), path(&theirs.path));
    pair.b
        .with(0, |endpoint, cx| endpoint.join(&ours, Part::Passive, cx))
        .unwrap();
    for bad in ["", "sip:b", "msrp://b/x;tcp", "msrp://b:9/x;tcp"] {
        let joined = pair
            .a
            .with(0, |endpoint, cx| endpoint.join(bad, Part::Active, cx));
        assert!(matches!(joined, Err(NoSession::Malformed(_))), "{bad}");
    }
    pair.a
        .with(0, |endpoint, cx| endpoint.join(&theirs, Part::Active, cx))
        .unwrap();
    let at = (simple_im::MachineId(0), pair.a.endpoints[0].leg());
    assert!(pair.a.connection.connected(&mut pair.a.sessions, at));
    pair.run();
    assert_eq!(pair.a.told, [(0, Notice::Connected)]);
    assert_eq!(pair.b.told, [(0, Notice::Connected)]);
    assert_eq!(pair.a.wrote, ["SEND 1-0/0 0 $"]);
    pair.close();
}

#[test]
fn a_command_at_the_wrong_time_changes_nothing() {
    let mut pair = Pair::new(1, |_| {});
    let now = Err(NoSession::Misuse(Misuse::NotNow));
    let sdp = Bytes::from_static(b"v=0\r\n");
    let a = &mut pair.a;
    assert_eq!(a.with(0, |it, cx| it.conclude(sdp.clone(), cx)), now);
    assert_eq!(
        a.with(0, |it, cx| it.join("msrp://b:1/x;tcp", Part::Active, cx)),
        now
    );
    let none = Err(Misuse::NoSuchMessage);
    assert_eq!(a.with(0, |it, cx| it.cancel(MessageId(0), cx)), none);
    assert_eq!(a.with(0, |it, cx| it.refuse(MessageId(0), cx)), none);
    assert_eq!(
        a.with(0, |it, cx| it.supply(MessageId(0), octets(1), cx)),
        none
    );
    for mime in [
        "",
        "Content-Type: text/plain",
        "Subject: x\r\n",
        "Content-Type: x\r\n",
        "Content-Type: a/b\r\n\r\n",
    ] {
        let mut bad = letter(1);
        bad.mime = Bytes::copy_from_slice(mime.as_bytes());
        assert_eq!(
            a.with(0, |it, cx| it.send(bad, cx)),
            Err(Misuse::Malformed),
            "{mime:?}"
        );
    }
    let bad = a.with(0, |it, cx| it.answer(sdp.clone(), cx));
    assert!(matches!(
        bad,
        Err(NoSession::Unacceptable(Status(488)) | NoSession::Malformed(_))
    ));
    a.with(0, |it, cx| it.offer(cx)).unwrap();
    assert_eq!(a.with(0, |it, cx| it.offer(cx)), Err(Misuse::NotNow));
    assert_eq!(
        a.with(0, |it, cx| it.answer(sdp, cx)),
        Err(NoSession::Misuse(Misuse::NotNow))
    );
    pair.close();
    let a = &mut pair.a;
    assert_eq!(
        a.with(0, |it, cx| it.send(letter(1), cx)),
        Err(Misuse::NotNow)
    );
    assert_eq!(a.with(0, |it, cx| it.offer(cx)), Err(Misuse::NotNow));
}

#[test]
fn octets_are_taken_as_they_were_asked_for() {
    let mut pair = Pair::up(1);
    pair.a.generous = false;
    let message = pair.a.send(0, letter(3000), Bytes::new());
    let not = Err(Misuse::NotAsked);
    let a = &mut pair.a;
    assert_eq!(
        a.with(0, |it, cx| it.supply(message, octets(2049), cx)),
        not
    );
    assert_eq!(a.with(0, |it, cx| it.finish(message, octets(5), cx)), not);
    let empty = Err(Misuse::EmptyMessage);
    assert_eq!(
        a.with(0, |it, cx| it.supply(message, Bytes::new(), cx)),
        empty
    );
    // Fewer are a smaller chunk.
    assert_eq!(
        a.with(0, |it, cx| it.supply(message, octets(5), cx)),
        Ok(())
    );
    assert_eq!(a.with(0, |it, cx| it.supply(message, octets(5), cx)), not);
    pair.run();
    assert_eq!(requests(&pair.a), ["SEND 1-5/3000 5 +"]);
    let most = pair.a.config.limits.outgoing;
    for _ in 1..most {
        pair.a.send(0, letter(1), Bytes::new());
    }
    let many = pair.a.with(0, |it, cx| it.send(letter(1), cx));
    assert_eq!(many, Err(Misuse::TooManyMessages));
    pair.close();
    assert_eq!(pair.a.outcomes.len(), most);
}

#[test]
fn a_peer_that_takes_no_such_message_gets_none() {
    let mut pair = Pair::new(1, |_| {});
    pair.b.config.account.accept_types = "text/plain".into();
    pair.b.config.limits.message = 100;
    let film = pair.a.send(0, letter(5), octets(5));
    let book = pair
        .a
        .send(0, Letter::new("text/plain", Some(101)), octets(101));
    let line = pair.a.send(
        0,
        Letter::new("text/plain;charset=UTF-8", Some(5)),
        octets(5),
    );
    pair.agree();
    pair.run();
    assert_eq!(
        outcome(&pair.a, film),
        Outcome::Failed(Failure::UnsupportedType)
    );
    assert_eq!(outcome(&pair.a, book), Outcome::Failed(Failure::TooLarge));
    assert_eq!(outcome(&pair.a, line), Outcome::Sent);
    let no = pair.a.with(0, |it, cx| it.send(letter(5), cx));
    assert_eq!(no, Err(Misuse::NotTaken));
    pair.close();
}

#[test]
fn cc_58_the_passive_side_sends_once_the_session_is_bound() {
    let mut pair = Pair::new(1, |_| {});
    pair.b.send(0, letter(5), octets(5));
    pair.agree();
    pair.b.listen();
    assert!(pair.b.write(usize::MAX).is_empty());
    pair.run();
    assert_eq!(pair.a.received, [(0, octets(5))]);
    assert_eq!(pair.a.wrote[0], "SEND 1-0/0 0 $");
    pair.close();
}

#[test]
fn cc_57_a_connection_that_never_comes_is_told_and_leaves_nothing() {
    let mut pair = Pair::new(1, |_| {});
    let line = pair.a.send(0, letter(5), octets(5));
    pair.agree();
    // Nothing crosses, and the passive side waits in vain.
    assert!(pair.b.fire(0, Timer::Bind));
    let gone = Notice::Disconnected(Failure::NotConnected);
    assert_eq!(pair.b.told, [(0, gone)]);
    pair.a
        .event(0, Event::Msrp(MsrpEvent::Down(Down::Unreachable)));
    pair.close();
    let why = Outcome::Failed(Failure::NotConnected);
    assert_eq!(pair.a.outcomes[&(0, line)], why);
}

// --- Turns

#[test]
fn a_small_message_overtakes_a_large_one() {
    for chunking in [Chunking::Pieces(2048), Chunking::Interruptible(LARGE)] {
        let mut pair = Pair::up(1);
        pair.a.config.profile.msrp_chunk = chunking;
        pair.a.send(0, letter(1_000_000), octets(1_000_000));
        pair.step(10_000, usize::MAX);
        let line = pair.a.send(0, letter(5), octets(5));
        pair.step(2 * 2048 + 1000, usize::MAX);
        assert_eq!(pair.b.received, [(0, octets(5))], "{chunking:?}");
        pair.run();
        assert_eq!(outcome(&pair.a, line), Outcome::Sent);
        assert!(pair.b.received[1] == (0, octets(1_000_000)));
        pair.close();
    }
}

#[test]
fn as_few_chunks_as_possible_when_nobody_waits() {
    let mut pair = interruptible(1);
    let film = pair.a.send(0, letter(150_000), octets(150_000));
    pair.run();
    assert_eq!(
        requests(&pair.a),
        [
            "SEND 1-*/150000 65536 +",
            "SEND 65537-*/150000 65536 +",
            "SEND 131073-*/150000 18928 $",
        ]
    );
    assert_eq!(outcome(&pair.a, film), Outcome::Sent);
    assert!(pair.b.received == [(0, octets(150_000))]);
    pair.close();
}

#[test]
fn cc_131_a_report_and_an_answer_interrupt_a_large_chunk_which_goes_on_where_it_was() {
    let mut pair = interruptible(1);
    pair.a.send(0, letter(50_000), octets(50_000));
    pair.step(9_000, usize::MAX);
    pair.b.send(0, confirmed(letter(5)), octets(5));
    pair.step(600, usize::MAX);
    pair.run();
    let cut = &pair.a.wrote[0];
    assert!(cut.ends_with(" +"), "{:?}", pair.a.wrote);
    let (_, size) = cut.strip_suffix(" +").unwrap().rsplit_once(' ').unwrap();
    let size: usize = size.parse().unwrap();
    assert!(size >= 2048 && size.is_multiple_of(2048), "{cut}");
    let rest = format!("SEND {}-*/50000 {} $", size + 1, 50_000 - size);
    assert_eq!(
        pair.a.wrote[1..],
        ["200", "REPORT 1-5/5 200", rest.as_str()]
    );
    assert!(pair.b.received == [(0, octets(50_000))]);
    assert_eq!(outcome(&pair.a, MessageId(0)), Outcome::Sent);
    assert_eq!(outcome(&pair.b, MessageId(0)), Outcome::Delivered);
    pair.close();
}

#[test]
fn cc_131_no_request_is_cut_below_2048_octets() {
    let mut pair = interruptible(2);
    for who in 0..2 {
        for size in [2_047, 2_048, 2_049, 4_096, 5_000, 70_000] {
            pair.a.send(who, letter(size), octets(size));
        }
    }
    pair.run();
    for line in requests(&pair.a)
        .into_iter()
        .filter(|line| line.ends_with('+'))
    {
        let size: usize = line.split(' ').nth(2).unwrap().parse().unwrap();
        assert!(size >= 2048, "{line}");
    }
    assert_eq!(pair.b.received.len(), 12);
    pair.close();
}

#[test]
fn cc_132_two_sessions_on_one_connection_take_turns_and_one_that_ends_hurts_nobody() {
    let mut pair = interruptible(2);
    // One of them has many messages, and gets no more for it.
    for _ in 0..4 {
        pair.a.send(0, letter(20_000), octets(20_000));
    }
    pair.a.send(1, letter(20_000), octets(20_000));
    pair.step(60_000, usize::MAX);
    let first: Vec<_> = pair.b.received.iter().map(|(who, _)| *who).collect();
    assert_eq!(first, [1]);
    pair.b.with(0, |it, cx| it.close(cx));
    pair.a.send(1, letter(7), octets(7));
    pair.run();
    assert!(pair.b.received.last() == Some(&(1, octets(7))));
    let gone = Outcome::Failed(Failure::Msrp(481));
    assert_eq!(outcome(&pair.a, MessageId(3)), gone);
    pair.close();
}

// --- Ends before the end

#[test]
fn cc_128_a_message_that_is_taken_back_ends_with_a_hash_and_is_not_reported() {
    for chunking in [Chunking::Pieces(2048), Chunking::Interruptible(LARGE)] {
        let mut pair = Pair::up(1);
        pair.a.config.profile.msrp_chunk = chunking;
        let draft = pair.a.send(0, confirmed(letter(50_000)), octets(50_000));
        pair.step(7_000, usize::MAX);
        pair.a.cancel(0, draft);
        pair.run();
        let last = requests(&pair.a).last().unwrap().to_string();
        assert!(last.ends_with('#'), "{last}");
        assert_eq!(requests(&pair.b), [""; 0], "no report");
        let answers = pair.b.wrote.iter().filter(|line| *line == "200").count();
        assert_eq!(answers, requests(&pair.a).len(), "each request is answered");
        assert_eq!((pair.b.received.len(), pair.b.dropped.len()), (0, 1));
        assert!(pair.a.outcomes.is_empty());
        pair.close();
    }
}

#[test]
fn cc_128_a_message_of_which_nothing_was_written_leaves_no_trace() {
    let mut pair = interruptible(1);
    let draft = pair.a.send(0, letter(50_000), octets(50_000));
    pair.a.listen();
    pair.a.cancel(0, draft);
    pair.run();
    assert!(pair.a.wrote.is_empty() && pair.b.told.is_empty());
    pair.close();
}

#[test]
fn cc_128_what_was_complete_before_it_was_taken_back_stays_complete() {
    let mut pair = Pair::up(1);
    let line = pair.a.send(0, letter(5), octets(5));
    let octets_of_it = pair.a.write(usize::MAX);
    pair.a.cancel(0, line);
    pair.b.read(&octets_of_it);
    pair.run();
    assert_eq!(requests(&pair.a), ["SEND 1-5/5 5 $"]);
    assert_eq!(pair.b.received, [(0, octets(5))]);
    pair.close();
}

#[test]
fn cc_130_413_stops_a_message_in_the_middle_of_its_chunk() {
    let mut pair = interruptible(1);
    let film = pair.a.send(0, letter(1_000_000), octets(1_000_000));
    let line = pair.a.send(0, letter(5), octets(5));
    // The first octets are there, and the user has seen enough.
    pair.step(5_000, usize::MAX);
    let begun = |told: &(usize, Notice)| match told {
        (_, Notice::Begun { message, total, .. }) => Some((*message, *total)),
        _ => None,
    };
    let (message, total) = pair.b.told.iter().find_map(begun).unwrap();
    assert_eq!(total, Some(1_000_000));
    pair.b.with(0, |it, cx| it.refuse(message, cx)).unwrap();
    pair.step(1, usize::MAX);
    let before = pair.a.wrote.len();
    pair.run();
    assert_eq!(outcome(&pair.a, film), Outcome::Failed(Failure::Msrp(413)));
    assert_eq!(outcome(&pair.a, line), Outcome::Sent);
    let sends = requests(&pair.a);
    let hash = sends.iter().position(|line| line.ends_with('#')).unwrap();
    assert!(
        sends[hash + 1..]
            .iter()
            .all(|line| !line.contains("1000000"))
    );
    let written: usize = sends
        .iter()
        .filter(|line| line.contains("1000000"))
        .map(|line| line.split(' ').nth(2).unwrap().parse::<usize>().unwrap())
        .sum();
    assert!(
        written < 20_000,
        "{written} octets of a message that nobody wants"
    );
    assert!(before <= pair.a.wrote.len());
    let again = pair.b.with(0, |it, cx| it.refuse(message, cx));
    assert_eq!(again, Err(Misuse::NoSuchMessage));
    pair.close();
}

#[test]
fn a_message_above_the_limit_is_stopped_by_413_and_the_session_goes_on() {
    let mut pair = Pair::with(1, |config| config.limits.message = 10_000);
    let film = pair.a.send(0, Letter::new("a/b", None), octets(100_000));
    pair.run();
    assert_eq!(outcome(&pair.a, film), Outcome::Failed(Failure::Msrp(413)));
    assert_eq!(pair.b.dropped.len(), 1);
    pair.a.send(0, letter(5), octets(5));
    pair.run();
    assert_eq!(pair.b.received, [(0, octets(5))]);
    pair.close();
}

#[test]
fn what_a_session_assembles_is_bounded_whatever_the_number_of_messages() {
    let mut pair = Pair::up(1);
    pair.b.config.limits.assembled = 10_000;
    for _ in 0..4 {
        pair.a.send(0, letter(6_000), octets(6_000));
    }
    pair.run();
    let refused = Outcome::Failed(Failure::Msrp(413));
    let failed = pair
        .a
        .outcomes
        .values()
        .filter(|one| **one == refused)
        .count();
    assert!((1..4).contains(&failed), "{:?}", pair.a.outcomes);
    assert_eq!(pair.b.received.len(), 4 - failed);
    // What is dropped makes room.
    pair.a.send(0, letter(9_000), octets(9_000));
    pair.run();
    assert_eq!(pair.b.received.last(), Some(&(0, octets(9_000))));
    pair.close();
}

#[test]
fn what_sessions_of_a_connection_hold_is_bounded_together() {
    let mut pair = Pair::up(3);
    pair.b.config.limits.connection = 10_000;
    for who in 0..3 {
        pair.a.send(who, letter(6_000), octets(6_000));
    }
    for _ in 0..10_000 {
        pair.step(100, 100);
        let held = pair.b.endpoints.iter().map(|it| it.held(it.leg()));
        assert!(held.sum::<u64>() <= 10_000);
    }
    let refused = Outcome::Failed(Failure::Msrp(413));
    let outcomes: Vec<_> = pair.a.outcomes.values().collect();
    let failed = outcomes.iter().filter(|one| ***one == refused).count();
    assert!((1..3).contains(&failed), "{outcomes:?}");
    assert_eq!((outcomes.len(), pair.b.received.len()), (3, 3 - failed));
    // Of each the peer hears once, though its chunks were under way.
    assert_eq!(pair.b.dropped.len(), failed);
    // What is complete or dropped makes room.
    pair.a.send(0, letter(9_000), octets(9_000));
    pair.run();
    assert_eq!(pair.b.received.last(), Some(&(0, octets(9_000))));
    pair.close();
}

#[test]
fn a_message_that_is_handed_on_takes_no_room_of_its_connection() {
    let mut pair = Pair::up(1);
    pair.b.config.limits.whole = 5_000;
    pair.b.config.limits.connection = 10_000;
    pair.a.send(0, letter(100_000), octets(100_000));
    pair.run();
    assert_eq!(pair.b.received, [(0, octets(100_000))]);
    pair.close();
}

// --- Answers and reports

#[test]
fn cc_125_no_octets_of_a_type_are_a_message_and_no_body_is_none() {
    let mut pair = Pair::up(1);
    let empty = pair.a.send(0, letter(0), Bytes::new());
    let unsized_one = pair
        .a
        .send(0, Letter::new("text/plain", None), Bytes::new());
    pair.run();
    assert_eq!(requests(&pair.a), ["SEND 1-0/0 0 $", "SEND 1-0/0 0 $"]);
    assert_eq!(pair.b.received, [(0, Bytes::new()), (0, Bytes::new())]);
    assert_eq!(outcome(&pair.a, empty), Outcome::Sent);
    assert_eq!(outcome(&pair.a, unsized_one), Outcome::Sent);
    pair.close();
}

#[test]
fn a_message_of_unknown_size_says_it_at_the_end() {
    let mut pair = Pair::up(1);
    let log = Letter::new("text/plain", None);
    let log = pair.a.send(0, confirmed(log), octets(5_000));
    pair.run();
    assert_eq!(
        requests(&pair.a),
        [
            "SEND 1-2048/* 2048 +",
            "SEND 2049-4096/* 2048 +",
            "SEND 4097-5000/5000 904 $"
        ]
    );
    assert_eq!(outcome(&pair.a, log), Outcome::Delivered);
    assert_eq!(pair.b.received, [(0, octets(5_000))]);
    pair.close();
}

#[test]
fn cc_137_each_failure_report_gets_the_answers_that_it_asks_for() {
    for (failure, success, answers, reports, expected) in [
        (FailureReport::Yes, false, 2, 0, Some(Outcome::Sent)),
        (FailureReport::Yes, true, 2, 1, Some(Outcome::Delivered)),
        (FailureReport::Partial, true, 0, 1, Some(Outcome::Delivered)),
        (FailureReport::No, true, 0, 1, Some(Outcome::Delivered)),
        (FailureReport::No, false, 0, 0, Some(Outcome::Sent)),
        // Only silence says that nothing went wrong.
        (FailureReport::Partial, false, 0, 0, None),
    ] {
        let mut pair = Pair::up(1);
        let mut letter = letter(3_000);
        letter.failure = failure;
        letter.success = success;
        let message = pair.a.send(0, letter, octets(3_000));
        pair.run();
        let is_answer = |line: &&String| line.as_str() == "200";
        assert_eq!(pair.b.wrote.iter().filter(is_answer).count(), answers);
        assert_eq!(requests(&pair.b).len(), reports, "{failure:?} {success}");
        assert_eq!(pair.a.outcomes.get(&(0, message)).copied(), expected);
        if expected.is_none() {
            assert!(pair.a.fire(0, Timer::ChunkResponse));
            assert_eq!(outcome(&pair.a, message), Outcome::Sent);
        }
        pair.close();
    }
}

#[test]
fn cc_137_who_asked_for_failures_hears_of_them() {
    for (failure, expected) in [
        (FailureReport::Partial, Outcome::Failed(Failure::Msrp(413))),
        // Not even of this one: it was sent, and that is all that is known.
        (FailureReport::No, Outcome::Sent),
    ] {
        let mut pair = Pair::up(1);
        pair.b.refuses = true;
        let mut letter = letter(3_000);
        letter.failure = failure;
        let message = pair.a.send(0, letter, octets(3_000));
        while pair.step(1, usize::MAX) {}
        assert_eq!(outcome(&pair.a, message), expected);
        pair.close();
    }
}

#[test]
fn cc_52_reports_chunk_by_chunk_confirm_the_whole() {
    let mut pair = Pair::up(1);
    pair.b.config.profile.msrp_reports = Reports::PerChunk;
    let message = pair.a.send(0, confirmed(letter(5_000)), octets(5_000));
    pair.run();
    assert_eq!(
        requests(&pair.b),
        [
            "REPORT 1-2048/5000 200",
            "REPORT 2049-4096/5000 200",
            "REPORT 4097-5000/5000 200"
        ]
    );
    assert_eq!(outcome(&pair.a, message), Outcome::Delivered);
    pair.close();
}

#[test]
fn a_report_that_never_comes_is_not_awaited_for_ever() {
    let mut pair = Pair::up(1);
    let message = pair.a.send(0, confirmed(letter(5)), octets(5));
    let frame = pair.a.write(usize::MAX);
    let txn = std::str::from_utf8(&frame[5..21]).unwrap();
    let answer = format!("MSRP {txn} 200 OK\r\nTo-Path: x\r\nFrom-Path: y\r\n-------{txn}$\r\n");
    pair.a.read(answer.as_bytes());
    assert!(pair.a.outcomes.is_empty());
    // One timer serves all: the first time says that somebody has waited.
    assert!(pair.a.fire(0, Timer::SuccessReport));
    assert!(pair.a.outcomes.is_empty());
    assert!(pair.a.fire(0, Timer::SuccessReport));
    assert_eq!(outcome(&pair.a, message), Outcome::Unconfirmed);
    assert!(!pair.a.fire(0, Timer::SuccessReport));
    pair.close();
}

#[test]
fn cc_51_who_does_not_answer_for_30_s_fails_and_the_others_go_on() {
    let mut pair = Pair::up(1);
    let first = pair.a.send(0, letter(5), octets(5));
    let lost = pair.a.write(usize::MAX);
    assert!(!lost.is_empty());
    let second = pair.a.send(0, letter(7), octets(7));
    let lost = pair.a.write(usize::MAX);
    assert!(!lost.is_empty());
    // The timer was started for the first.
    assert!(pair.a.fire(0, Timer::ChunkResponse));
    assert_eq!(
        outcome(&pair.a, first),
        Outcome::Failed(Failure::NoResponse)
    );
    assert_eq!(pair.a.outcomes.len(), 1);
    assert!(pair.a.fire(0, Timer::ChunkResponse));
    assert_eq!(
        outcome(&pair.a, second),
        Outcome::Failed(Failure::NoResponse)
    );
    assert!(!pair.a.fire(0, Timer::ChunkResponse));
    pair.close();
}

#[test]
fn a_session_that_has_nothing_to_say_keeps_its_connection_in_use() {
    let mut pair = Pair::new(1, |config| {
        config.profile.msrp_keepalive = Some(std::time::Duration::from_secs(60));
    });
    pair.agree();
    pair.run();
    pair.a.wrote.clear();
    assert!(pair.b.fire(0, Timer::KeepAlive) && pair.a.fire(0, Timer::KeepAlive));
    pair.run();
    assert_eq!(requests(&pair.a), [""; 0], "it has just said hello");
    assert_eq!(requests(&pair.b), ["SEND 1-0/0 0 $"]);
    assert!(pair.a.fire(0, Timer::KeepAlive));
    pair.run();
    assert_eq!(requests(&pair.a), ["SEND 1-0/0 0 $"]);
    assert_eq!(pair.b.told, [(0, Notice::Connected)], "which is no message");
    pair.close();
}

// --- Another session

#[test]
fn cc_138_a_message_goes_on_over_another_session_and_arrives_once() {
    for chunking in [Chunking::Pieces(2048), Chunking::Interruptible(LARGE)] {
        let mut pair = Pair::up(1);
        pair.a.config.profile.msrp_chunk = chunking;
        let film = pair.a.send(0, confirmed(letter(200_000)), octets(200_000));
        for _ in 0..10 {
            pair.step(10_000, usize::MAX);
        }
        pair.cut();
        let lost = Notice::Disconnected(Failure::ConnectionLost);
        assert_eq!(pair.a.told.pop(), Some((0, lost)));
        assert!(pair.a.timers.is_empty() && pair.b.timers.is_empty());
        assert!(pair.a.outcomes.is_empty() && pair.b.dropped.is_empty());
        pair.a.wrote.clear();
        pair.agree();
        pair.run();
        assert_eq!(outcome(&pair.a, film), Outcome::Delivered);
        assert!(pair.b.received == [(0, octets(200_000))]);
        let again = requests(&pair.a);
        assert_eq!(again[0], "SEND 1-0/0 0 $");
        assert!(
            !again[1].starts_with("SEND 1-"),
            "what was confirmed is not sent again"
        );
        pair.close();
    }
}

#[test]
fn cc_138_what_the_peer_has_already_is_answered_and_reported_and_not_shown_again() {
    for reports in [Reports::Merged, Reports::PerChunk] {
        let mut pair = Pair::up(1);
        pair.b.config.profile.msrp_reports = reports;
        let line = pair.a.send(0, confirmed(letter(5)), octets(5));
        let there = pair.a.write(usize::MAX);
        pair.b.read(&there);
        assert_eq!(pair.b.received.len(), 1);
        // The answer is lost with the connection.
        pair.cut();
        pair.agree();
        pair.run();
        assert_eq!(outcome(&pair.a, line), Outcome::Delivered);
        assert_eq!(requests(&pair.a).last(), Some(&"SEND 1-5/5 5 $"));
        assert_eq!(pair.b.received.len(), 1, "{reports:?}");
        pair.close();
    }
}

#[test]
fn cc_50_a_message_whose_connection_broke_has_failed_when_the_application_gives_up() {
    let mut pair = Pair::up(1);
    let film = pair.a.send(0, letter(100_000), octets(100_000));
    pair.step(10_000, usize::MAX);
    pair.cut();
    pair.close();
    assert_eq!(
        outcome(&pair.a, film),
        Outcome::Failed(Failure::ConnectionLost)
    );
    assert_eq!(pair.b.dropped.len(), 1);
}

#[test]
fn between_two_sessions_messages_can_be_begun_and_taken_back() {
    let mut pair = Pair::up(1);
    let film = pair.a.send(0, letter(100_000), octets(100_000));
    pair.step(10_000, usize::MAX);
    pair.cut();
    pair.a.cancel(0, film);
    let line = pair.a.send(0, letter(5), octets(5));
    pair.agree();
    pair.run();
    assert_eq!(outcome(&pair.a, line), Outcome::Sent);
    assert_eq!(pair.b.received, [(0, octets(5))]);
    // The rest of the film never comes: nothing is kept for it for ever.
    assert!(pair.b.fire(0, Timer::NextChunk));
    assert_eq!(pair.b.dropped.len(), 1);
    pair.close();
}

#[test]
fn news_for_a_session_before_means_nothing_to_the_next() {
    let mut pair = Pair::up(1);
    let before = pair.a.endpoints[0].leg();
    pair.cut();
    pair.agree();
    pair.run();
    pair.a.told.clear();
    let leg = pair.a.endpoints[0].leg();
    assert_ne!(before, leg);
    let down = Event::Msrp(MsrpEvent::Down(Down::Lost));
    pair.a.with(0, |endpoint: &mut Endpoint, cx| {
        endpoint.handle(before, down, cx)
    });
    assert!(pair.a.told.is_empty());
    pair.close();
}
