//! What every final refusal is told as: one row a status, and one test a row. `page` and `invite` are
//! the same but for 408: a MESSAGE that nobody answered may have arrived (CC-35).

use simple_im::{Response, Status};

use super::*;

/// One test a row: the status, the lines that go with it, and what it is told as.
macro_rules! rows {
    ($($name:ident: $status:literal, $lines:literal => $expected:expr;)*) => {$(
        #[test]
        fn $name() {
            let (status, expected): (u16, Outcome) = ($status, $expected);
            let line = format!("{status} X");
            assert_eq!(invite_outcome(bob(), &line, $lines), expected, "INVITE");
            let silent = expected == Outcome::Failed(Failure::NoAnswer);
            let expected = if silent { Outcome::Unknown } else { expected };
            let fallback = matches!(status, 413 | 513);
            if !fallback {
                assert_eq!(page_outcome(bob(), &line, $lines), expected, "MESSAGE");
            }
        }
    )*};
}

const fn failed(why: Failure) -> Outcome {
    Outcome::Failed(why)
}

rows! {
    a_300_is_elsewhere: 300, "Contact: <sip:a@h>\n" => failed(Failure::Redirected(Status(300)));
    a_301_is_elsewhere: 301, "" => failed(Failure::Redirected(Status(301)));
    a_302_is_elsewhere: 302, "Contact: <sip:a@h>\n" => failed(Failure::Redirected(Status(302)));
    a_305_is_elsewhere: 305, "" => failed(Failure::Redirected(Status(305)));
    a_380_is_elsewhere: 380, "" => failed(Failure::Redirected(Status(380)));
    a_399_is_elsewhere: 399, "" => failed(Failure::Redirected(Status(399)));
    a_400_has_no_better_name: 400, "" => failed(Failure::Status(Status(400)));
    a_401_is_a_challenge: 401, "" => failed(Failure::Challenged(Status(401)));
    a_402_has_no_better_name: 402, "" => failed(Failure::Status(Status(402)));
    a_403_forbids: 403, "" => failed(Failure::Forbidden);
    a_403_with_122_is_a_crowd: 403, "Warning: 399 h \"122 too many participants\"\n" => failed(Failure::TooManyParticipants);
    a_403_with_127_is_no_right: 403, "Warning: 399 h \"127 Service not authorised\"\n" => failed(Failure::NotAuthorised);
    a_403_with_133_is_too_large: 403, "Warning: 399 h \"133 Size exceeded\"\n" => failed(Failure::TooLarge);
    a_404_finds_nobody: 404, "" => failed(Failure::NotFound(Status(404)));
    a_405_takes_no_such_request: 405, "Allow: BYE\n" => failed(Failure::MethodRefused);
    a_406_has_no_better_name: 406, "" => failed(Failure::Status(Status(406)));
    a_407_is_a_challenge: 407, "" => failed(Failure::Challenged(Status(407)));
    a_408_is_silence: 408, "" => failed(Failure::NoAnswer);
    a_410_finds_nobody: 410, "" => failed(Failure::NotFound(Status(410)));
    a_413_is_too_large: 413, "Retry-After: 9\n" => failed(Failure::TooLarge);
    a_414_is_no_address: 414, "" => failed(Failure::BadAddress);
    a_415_takes_no_such_type: 415, "Accept: text/html\n" => failed(Failure::UnsupportedType);
    a_416_is_no_address: 416, "" => failed(Failure::BadAddress);
    a_420_lacks_an_extension: 420, "Unsupported: timer\n" => failed(Failure::ExtensionRefused);
    a_420_that_names_lists_serves_none: 420, "Unsupported: foo, recipient-list-invite\n" => failed(Failure::ListUnsupported);
    a_421_wants_an_extension: 421, "Require: foo\n" => failed(Failure::ExtensionRequired);
    a_422_that_names_nothing_is_the_end: 422, "" => failed(Failure::SessionInterval);
    a_423_has_no_better_name: 423, "Min-Expires: 9\n" => failed(Failure::Status(Status(423)));
    a_433_wants_a_name: 433, "" => failed(Failure::AnonymityRefused);
    a_480_is_out_of_reach: 480, "Retry-After: 60\n" => failed(Failure::NotReachable);
    a_481_finds_no_dialog: 481, "" => failed(Failure::NoSuchDialog);
    a_482_went_in_circles: 482, "" => failed(Failure::Loop);
    a_483_went_in_circles: 483, "" => failed(Failure::Loop);
    a_484_finds_nobody: 484, "" => failed(Failure::NotFound(Status(484)));
    a_485_finds_several: 485, "Contact: <sip:a@h>, <sip:b@h>\n" => failed(Failure::NotFound(Status(485)));
    a_486_is_busy: 486, "" => failed(Failure::Busy);
    a_486_with_122_is_a_crowd: 486, "Warning: 399 h \"122 too many participants\"\n" => failed(Failure::TooManyParticipants);
    a_487_that_we_did_not_ask_for_has_no_better_name: 487, "" => failed(Failure::Status(Status(487)));
    a_488_is_not_acceptable: 488, "" => failed(Failure::NotAcceptable);
    a_488_with_133_is_too_large: 488, "Warning: 399 h \"133 Size exceeded\"\n" => failed(Failure::TooLarge);
    a_488_with_304_takes_no_such_type: 488, "Warning: 304 h \"Media type not available\"\n" => failed(Failure::UnsupportedType);
    a_488_with_305_takes_no_such_type: 488, "Warning: 305 h \"Incompatible media format\"\n" => failed(Failure::UnsupportedType);
    a_488_with_302_is_not_acceptable: 488, "Warning: 302 h \"Incompatible transport protocol\"\n" => failed(Failure::NotAcceptable);
    a_491_has_no_better_name: 491, "" => failed(Failure::Status(Status(491)));
    a_493_has_no_better_name: 493, "" => failed(Failure::Status(Status(493)));
    a_499_has_no_better_name: 499, "" => failed(Failure::Status(Status(499)));
    a_500_is_a_server_that_fails: 500, "Retry-After: 5 (soon);duration=9\n" => failed(Failure::Unavailable(Status(500)));
    a_501_takes_no_such_request: 501, "" => failed(Failure::MethodRefused);
    a_502_is_a_server_that_fails: 502, "" => failed(Failure::Unavailable(Status(502)));
    a_503_is_a_server_that_fails: 503, "Retry-After: 5\n" => failed(Failure::Unavailable(Status(503)));
    a_504_is_a_server_that_fails: 504, "" => failed(Failure::Unavailable(Status(504)));
    a_505_has_no_better_name: 505, "" => failed(Failure::Status(Status(505)));
    a_513_is_too_large: 513, "" => failed(Failure::TooLarge);
    a_580_has_no_better_name: 580, "" => failed(Failure::Status(Status(580)));
    a_600_is_a_users_no: 600, "" => Outcome::Refused(Status(600));
    a_603_is_a_users_no: 603, "Retry-After: 600\n" => Outcome::Refused(Status(603));
    a_604_is_a_users_no: 604, "" => Outcome::Refused(Status(604));
    a_606_takes_no_such_type: 606, "Warning: 304 h \"x\"\n" => failed(Failure::UnsupportedType);
    a_699_is_a_users_no: 699, "" => Outcome::Refused(Status(699));
}

/// The refusal that is handed over, and what is told after it.
fn explained(draft: Draft, status: &str, lines: &str) -> (Response, Vec<Notice>) {
    let mut rig = alice();
    let sent = send(&mut rig, draft);
    let mut notices = rig.respond(&sent, status, lines, "").notices();
    let Notice::Refused(response) = notices.remove(0) else {
        panic!("no explanation in {notices:#?}")
    };
    (*response, notices)
}

#[test]
fn what_a_refusal_says_is_handed_over_before_its_outcome() {
    for draft in [small(bob()), large(bob()), small(bob_and_carol())] {
        let several = matches!(draft.target, Target::List(_));
        let lines = "Contact: \"Bob\" <sip:bob@a.example.com>;q=0.7, <sip:bob@b.example.com>\n\
                     Retry-After: 30 (in a meeting);duration=600\nWarning: 399 h \"moved\"\n";
        let (refused, rest) = explained(draft, "302 Moved Temporarily", lines);
        assert_eq!(refused.status, Status(302));
        let contacts: Vec<_> = refused.head.contacts().map(|contact| contact.uri).collect();
        assert_eq!(contacts, ["sip:bob@a.example.com", "sip:bob@b.example.com"]);
        let retry = refused.head.retry().unwrap();
        assert_eq!((retry.seconds, retry.duration), (30, Some(600)));
        assert_eq!(refused.head.warnings().next().unwrap().text, "moved");
        let outcomes = rest.iter().filter(|n| matches!(n, Notice::Outcome(..)));
        assert_eq!(outcomes.count(), if several { 2 } else { 1 });
    }
}

#[test]
fn what_is_tried_again_is_not_handed_over() {
    let mut rig = alice();
    let sent = send(&mut rig, small(bob()));
    assert!(rig.respond(&sent, "413 X", "", "").notices().is_empty());
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "422 X", "Min-SE: 9000\n", "");
    assert!(did.notices().is_empty());
    // Nor is a refusal that we asked for.
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "", "");
    rig.command(|alice, cx| alice.cancel(cx)).0.unwrap();
    let did = rig.respond(&sent, "487 Request Terminated", "", "");
    assert_eq!(did.notices().len(), 1);
}

#[test]
fn oc_lm_12_the_contacts_of_a_redirection_become_no_target() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(
        &sent,
        "302 X",
        "Contact: <sip:bob@elsewhere.example.com>\n",
        "",
    );
    assert!(did.sent().is_empty(), "nothing is followed by itself");
    let redirected = Outcome::Failed(Failure::Redirected(Status(302)));
    assert_eq!(closed(&rig, &did), redirected);
}
