//! Table 3.5: how each attribute of an offer appears in the answer, and in the offers of a controlling function.

use super::*;

/// One row: attributes of an offer (or another line, with its letter), a line of the answer and of the forwarded offer that
/// must be there, and names that may be in neither.
struct Row {
    offer: &'static str,
    knobs: fn(&mut Profile),
    answer: &'static [&'static str],
    forwarded: &'static [&'static str],
    /// What no line of the answer begins with.
    not_in_answer: &'static [&'static str],
    /// What no line of the forwarded offer begins with.
    not_in_forwarded: &'static [&'static str],
}

const ROW: Row = Row {
    offer: "",
    knobs: |_| {},
    answer: &[],
    forwarded: &[],
    not_in_answer: &[],
    not_in_forwarded: &[],
};

fn listening(profile: &mut Profile) {
    profile.setup_answer = SetupAnswer::Passive;
}

fn connecting(profile: &mut Profile) {
    profile.setup_answer = SetupAnswer::Active;
}

fn literal(profile: &mut Profile) {
    profile.echo_filelength = true;
}

const LISTENS: &[&str] = &[
    "m=message 8888 TCP/MSRP *",
    "a=path:msrp://192.0.2.20:8888/aaaaaaaaaaaaaaaa;tcp",
    "a=setup:passive",
];
const CONNECTS: &[&str] = &[
    "m=message 9 TCP/MSRP *",
    "a=path:msrp://192.0.2.20:9/aaaaaaaaaaaaaaaa;tcp",
    "a=setup:active",
];
const OFFERS: &[&str] = &["m=message 8888 TCP/MSRP *", "a=setup:actpass"];

const SELECTOR: &str = "file-selector:name:\"a b.jpg\" type:image/jpeg size:5 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E";
const SELECTED: &str = "a=file-selector:name:\"a b.jpg\" type:image/jpeg size:5 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E";
const PULLED: &str = "a=file-selector:type:image/jpeg hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E";

fn table() -> std::vec::Vec<Row> {
    std::vec![
        // path
        Row {
            answer: &["a=path:msrp://192.0.2.20:8888/aaaaaaaaaaaaaaaa;tcp"],
            forwarded: &["a=path:msrp://192.0.2.20:8888/bbbbbbbbbbbbbbbb;tcp"],
            not_in_answer: &["a=path:msrp://192.0.2.10"],
            not_in_forwarded: &["a=path:msrp://192.0.2.10"],
            ..ROW
        },
        // setup
        Row {
            offer: "setup:actpass",
            knobs: listening,
            answer: LISTENS,
            forwarded: OFFERS,
            ..ROW
        },
        Row {
            offer: "setup:actpass",
            knobs: connecting,
            answer: CONNECTS,
            forwarded: OFFERS,
            ..ROW
        },
        Row {
            offer: "setup:active",
            knobs: connecting,
            answer: LISTENS,
            forwarded: OFFERS,
            ..ROW
        },
        Row {
            offer: "setup:passive",
            knobs: listening,
            answer: CONNECTS,
            forwarded: OFFERS,
            ..ROW
        },
        Row {
            offer: "setup:holdconn",
            knobs: connecting,
            answer: LISTENS,
            forwarded: OFFERS,
            ..ROW
        },
        Row {
            knobs: connecting,
            answer: LISTENS,
            forwarded: OFFERS,
            ..ROW
        },
        // connection
        Row {
            offer: "connection:new",
            answer: LISTENS,
            not_in_answer: &["a=connection"],
            not_in_forwarded: &["a=connection"],
            ..ROW
        },
        // direction
        Row {
            offer: "sendonly",
            answer: &["a=recvonly"],
            forwarded: &["a=sendonly"],
            ..ROW
        },
        Row {
            offer: "recvonly",
            answer: &["a=sendonly"],
            forwarded: &["a=recvonly"],
            ..ROW
        },
        Row {
            offer: "sendrecv",
            answer: &["a=sendrecv"],
            forwarded: &["a=sendrecv"],
            ..ROW
        },
        Row {
            answer: &["a=sendrecv"],
            forwarded: &["a=sendrecv"],
            ..ROW
        },
        Row {
            offer: "inactive",
            answer: &["a=inactive"],
            forwarded: &["a=inactive"],
            ..ROW
        },
        // accept-types, accept-wrapped-types: ours are `text/* message/cpim` and `image/*`
        Row {
            offer: "accept-types:text/plain video/mp4 *\naccept-wrapped-types:image/png audio/*",
            answer: &[
                "a=accept-types:text/* message/cpim",
                "a=accept-wrapped-types:image/*",
            ],
            forwarded: &[
                "a=accept-types:text/plain",
                "a=accept-wrapped-types:image/png",
            ],
            ..ROW
        },
        Row {
            offer: "accept-types:*",
            answer: &["a=accept-types:text/* message/cpim"],
            forwarded: &[
                "a=accept-types:text/* message/cpim",
                "a=accept-wrapped-types:image/*",
            ],
            ..ROW
        },
        // max-size: what it says is what the originator receives
        Row {
            offer: "max-size:5",
            answer: &["a=max-size:10485760"],
            forwarded: &["a=max-size:10485760"],
            ..ROW
        },
        Row {
            offer: "max-size:5\nsendonly",
            answer: &["a=max-size:10485760"],
            not_in_forwarded: &["a=max-size"],
            ..ROW
        },
        Row {
            offer: "recvonly",
            not_in_answer: &["a=max-size"],
            forwarded: &["a=max-size:10485760"],
            ..ROW
        },
        // filelength
        Row {
            offer: "sendonly\nfilelength:3000",
            forwarded: &["a=filelength:3000"],
            not_in_answer: &["a=filelength", "a=max-size"],
            ..ROW
        },
        Row {
            offer: "sendonly\nfilelength:3000",
            knobs: literal,
            answer: &["a=filelength:3000"],
            forwarded: &["a=filelength:3000"],
            ..ROW
        },
        // file-selector, file-transfer-id, file-range: push, pull
        Row {
            offer: SELECTOR,
            answer: &[SELECTED],
            forwarded: &[SELECTED],
            ..ROW
        },
        Row {
            offer: "sendonly\nfile-selector:size:5\nfile-transfer-id:T1\nfile-range:2-5",
            answer: &[
                "a=file-selector:size:5",
                "a=file-transfer-id:T1",
                "a=file-range:2-5"
            ],
            forwarded: &[
                "a=file-selector:size:5",
                "a=file-transfer-id:T1",
                "a=file-range:2-5"
            ],
            ..ROW
        },
        Row {
            offer: "recvonly\nfile-selector:name:\"a b.jpg\" type:image/jpeg size:5 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E\nfile-transfer-id:T1\nfile-range:2-5",
            answer: &[PULLED, "a=file-transfer-id:T1", "a=file-range:2-5"],
            forwarded: &[SELECTED, "a=file-transfer-id:T1", "a=file-range:2-5"],
            ..ROW
        },
        // file-disposition, file-date, file-icon
        Row {
            offer: "sendonly\nfile-selector:size:5\nfile-disposition:render\nfile-date:read:\"Mon, 15 May 2006 15:01:31 +0300\"\nfile-icon:cid:x@y",
            answer: &["a=file-selector:size:5"],
            forwarded: &[
                "a=file-disposition:render",
                "a=file-date:read:\"Mon, 15 May 2006 15:01:31 +0300\"",
                "a=file-icon:cid:x@y",
            ],
            not_in_answer: &["a=file-disposition", "a=file-date", "a=file-icon"],
            ..ROW
        },
        // the draft's attributes
        Row {
            offer: "sendonly\nfilename:a b.jpg\nfiletype:image/jpeg\nfilesize:5\ndisposition:inline",
            knobs: literal,
            answer: &[
                "a=filename:a b.jpg",
                "a=filetype:image/jpeg",
                "a=filesize:5"
            ],
            forwarded: &[
                "a=filename:a b.jpg",
                "a=filetype:image/jpeg",
                "a=filesize:5",
                "a=disposition:inline",
            ],
            not_in_answer: &["a=disposition"],
            ..ROW
        },
        Row {
            offer: "sendonly\nfilename:a b.jpg\nfiletype:image/jpeg\nfilesize:5\ndisposition:inline",
            forwarded: &["a=filename:a b.jpg", "a=disposition:inline"],
            not_in_answer: &["a=filename", "a=filetype", "a=filesize", "a=disposition"],
            ..ROW
        },
        // msrp-cema
        Row {
            offer: "msrp-cema\nsetup:actpass",
            answer: &["a=msrp-cema"],
            not_in_forwarded: &["a=msrp-cema"],
            ..ROW
        },
        Row {
            offer: "msrp-cema\nsetup:actpass",
            knobs: |p| p.connect_to = ConnectTo::PathUri,
            not_in_answer: &["a=msrp-cema"],
            not_in_forwarded: &["a=msrp-cema"],
            ..ROW
        },
        Row {
            offer: "setup:actpass",
            knobs: |p| p.connect_to = ConnectTo::Cema,
            forwarded: &["a=msrp-cema"],
            not_in_answer: &["a=msrp-cema"],
            ..ROW
        },
        // msrp-acm, chatroom
        Row {
            offer: "msrp-acm\nchatroom:nickname",
            not_in_answer: &["a=msrp-acm", "a=chatroom"],
            not_in_forwarded: &["a=msrp-acm", "a=chatroom"],
            ..ROW
        },
        // fingerprint, crypto: of our own there are none
        Row {
            offer: "fingerprint:sha-1 00:11\ncrypto:1 x y",
            not_in_answer: &["a=fingerprint", "a=crypto"],
            not_in_forwarded: &["a=fingerprint", "a=crypto"],
            ..ROW
        },
        // unknown
        Row {
            offer: "cema\nx-y:z",
            not_in_answer: &["a=cema", "a=x-y"],
            not_in_forwarded: &["a=cema", "a=x-y"],
            ..ROW
        },
        // curr, des, conf
        Row {
            offer: "curr:qos local none\ndes:qos optional local sendrecv\nconf:qos remote sendrecv",
            not_in_answer: &["a=curr", "a=des", "a=conf"],
            not_in_forwarded: &["a=curr", "a=des", "a=conf"],
            ..ROW
        },
        // i=, b=, lang
        Row {
            offer: "i=A title\nb=AS:5\nlang:fr",
            forwarded: &["i=A title"],
            not_in_answer: &["i=", "b=", "a=lang"],
            not_in_forwarded: &["b=", "a=lang"],
            ..ROW
        },
    ]
}

fn check(said: &str, there: &[&str], absent: &[&str], row: &Row) {
    let lines: std::vec::Vec<_> = said.split("\r\n").collect();
    for line in there {
        assert!(lines.contains(line), "{line} of {:?} in {said}", row.offer);
    }
    for name in absent {
        let found = lines.iter().find(|line| line.starts_with(name));
        assert_eq!(found, None, "of {:?} in {said}", row.offer);
    }
}

#[test]
fn table_3_5_row_by_row_and_column_by_column() {
    for row in table() {
        let mut config = bob();
        config.account.accept_types = "text/* message/cpim".to_owned();
        config.account.accept_wrapped_types = "image/*".to_owned();
        (row.knobs)(&mut config.profile);
        let mut offered = String::from(
            "v=0\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\na=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp\r\n",
        );
        for line in row.offer.lines() {
            let letter = if line.get(1..2) == Some("=") {
                ""
            } else {
                "a="
            };
            offered += &format!("{letter}{line}\r\n");
        }
        if !row.offer.contains("accept-types") {
            offered += "a=accept-types:message/cpim text/plain\r\n";
        }
        let (answered, _) = accepted(&config, &offered);
        check(&answered, row.answer, row.not_in_answer, &row);

        let description = sdp::parse(&Bytes::from(offered)).unwrap();
        let forwarded = Forwarded::select(&config, &description, Identity::Shown);
        let mint = Mint {
            id: SessionId([0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21]),
            number: 7,
        };
        let forwarded = offer(
            &config,
            mint,
            &forwarded.wanted(LIMIT),
            &mut BytesMut::new(),
        );
        let said = text(&forwarded.sdp);
        check(&said, row.forwarded, row.not_in_forwarded, &row);
        // Whatever is said can be read, and nothing is said twice.
        for said in [&answered, &said] {
            let read = sdp::parse(&Bytes::copy_from_slice(said.as_bytes())).unwrap();
            let mut names: std::vec::Vec<_> = read
                .lines()
                .attributes()
                .map(|attribute| attribute.name)
                .collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), read.lines().attributes().count(), "{said}");
        }
    }
}

#[test]
fn the_time_of_an_answer_is_the_offer_s() {
    let with = |time: &str| line("").replace("t=0 0\r\n", time);
    says(&bob(), &with("t=1 2\r\n"), &["t=1 2"]);
    says(&bob(), &with(""), &["t=0 0"]);
    says(&bob(), &with("t=x\r\n"), &["t=0 0"]);
    says(&bob(), &with("t=1 2 3\r\n"), &["t=0 0"]);
    let all = "t=1 2\r\nr=7d 1h 0\r\nt=3 4\r\nz=1 -1h\r\n";
    assert!(accepted(&bob(), &with(all)).0.contains(all));
    let sixty = format!("t=0 {}", "1".repeat(60));
    says(&bob(), &with(&format!("{sixty}\r\n")), &[&sixty]);
}

#[test]
fn a_file_that_is_refused_is_still_named() {
    let other = "m=message 1 TCP/MSRP *\r\na=path:msrp://h:1/x;tcp\r\na=sendonly\r\na=file-selector:size:5\r\na=file-transfer-id:T1\r\na=file-range:1-2\r\n";
    let (sdp, _) = accepted(&bob(), &format!("{}{other}", line("")));
    let expected = "m=message 0 TCP/MSRP *\r\na=file-selector:size:5\r\na=file-transfer-id:T1\r\n";
    assert!(sdp.ends_with(expected), "{sdp}");
}

#[test]
fn a_file_that_is_too_large_or_that_nobody_makes_out_is_refused() {
    let file =
        |attributes: &str| format!("{}a=sendonly\r\na=file-selector:{attributes}\r\n", line(""));
    refuses(&bob(), &file("size:10485761"), 488, Some(399));
    accepted(&bob(), &file("size:10485760"));
    refuses(&bob(), &file("size:x"), 488, Some(306));
    // What we are asked for is not received.
    let pulled = file("size:10485761").replace("sendonly", "recvonly");
    accepted(&bob(), &pulled);
}

#[test]
fn a_wildcard_of_ours_has_types_in_common_with_the_peer_s() {
    let mut config = bob();
    for (ours, theirs, good) in [
        ("*", "text/plain", true),
        ("text/*", "text/plain", true),
        ("text/*", "TEXT/*", true),
        ("text/*", "*", true),
        ("text/*", "image/png", false),
        ("text/plain", "text/*", true),
        ("text/plain", "image/*", false),
    ] {
        config.account.accept_types = ours.to_owned();
        let offered = line("recvonly").replace("message/cpim text/plain", theirs);
        let answered = answering(&config, &offered, LIMIT);
        assert_eq!(answered.is_ok(), good, "{ours} {theirs}");
    }
}

#[test]
fn cc_99_the_title_of_who_hides_is_not_forwarded() {
    let offered = line("").replace("a=accept", "i=From Alice\r\na=accept");
    let offered = sdp::parse(&Bytes::from(offered)).unwrap();
    let info = |identity| {
        let forwarded = Forwarded::select(&bob(), &offered, identity);
        forwarded.wanted(1).info.to_owned()
    };
    assert_eq!(info(Identity::Shown), "From Alice");
    assert_eq!(info(Identity::Hidden), "");
}
