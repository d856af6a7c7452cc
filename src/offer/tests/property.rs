//! Any offer, any configuration.

use proptest::prelude::*;

use super::*;

fn directions() -> impl Strategy<Value = Direction> {
    prop::sample::select(std::vec![
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ])
}

fn configs() -> impl Strategy<Value = Config> {
    let setup_offers = std::vec![SetupOffer::Actpass, SetupOffer::Active, SetupOffer::Omit];
    let setup_answers = std::vec![SetupAnswer::Active, SetupAnswer::Passive];
    let hows = std::vec![
        ConnectTo::PathUri,
        ConnectTo::CmLine,
        ConnectTo::Auto,
        ConnectTo::Cema
    ];
    let types = std::vec!["text/plain", "text/*", "*", "message/cpim text/plain", ""];
    let hosts = std::vec!["192.0.2.20", "[2001:db8::20]", "bob.example.com", "0.0.0.0"];
    (
        prop::sample::select(setup_offers),
        prop::sample::select(setup_answers),
        prop::sample::select(hows),
        prop::sample::select(types.clone()),
        prop::sample::select(types),
        prop::sample::select(hosts),
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(offer, answer, how, types, wrapped, host, [tls, echo, strict])| {
                let mut config = config(host, "sip:bob@pc9.example.com", 8888);
                config.profile.setup_offer = offer;
                config.profile.setup_answer = answer;
                config.profile.connect_to = how;
                config.profile.echo_filelength = echo;
                config.profile.accept_types_missing = !strict;
                config.account.accept_types = types.to_owned();
                config.account.accept_wrapped_types = wrapped.to_owned();
                config.msrp.tls = tls;
                config
            },
        )
}

/// Offers that are mostly sound.
fn offers() -> impl Strategy<Value = String> {
    let line = prop::sample::subsequence(
        std::vec![
            "c=IN IP4 198.51.100.7\r\n",
            "a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp\r\n",
            "a=path:msrps://r.example.com:1/x;tcp msrps://192.0.2.10:7654/y;tcp\r\n",
            "a=accept-types:text/plain\r\n",
            "a=accept-types:* a/b\r\n",
            "a=accept-wrapped-types:*\r\n",
            "a=setup:active\r\n",
            "a=setup:passive\r\n",
            "a=setup:actpass\r\n",
            "a=setup:holdconn\r\n",
            "a=sendonly\r\n",
            "a=recvonly\r\n",
            "a=inactive\r\n",
            "a=msrp-cema\r\n",
            "a=max-size:7\r\n",
            "a=filelength:7\r\n",
            "a=file-selector:size:7\r\n",
            "a=file-transfer-id:x\r\n",
            "a=filename:x\r\n",
        ],
        0..12,
    );
    let first = prop::sample::select(std::vec![
        "m=message 7654 TCP/MSRP *\r\n",
        "m=message 7654 TCP/MSRP *\r\n",
        "m=message 7654 TCP/TLS/MSRP *\r\n",
        "m=message 0/3 TCP/MSRP *\r\n",
        "m=message 9 x\r\n",
        "m=audio  5/2 RTP/AVP 0 8\r\n",
    ]);
    let lines = prop::collection::vec((first, line), 0..4);
    let head = prop::sample::select(std::vec![
        "v=0\r\no=a 1 1 IN IP4 h\r\nt=0 0\r\n",
        "v=0\r\no=a 1 1 IN IP4 h\r\nc=IN IP4 192.0.2.10\r\nt=5 6\r\nr=1d 1h 0\r\na=setup:active\r\n",
        "v=0\r\na=recvonly\r\n",
    ]);
    (head, lines).prop_map(|(head, lines)| {
        let lines = lines
            .into_iter()
            .map(|(line, attributes)| line.to_owned() + &attributes.concat());
        head.to_owned() + &lines.collect::<String>()
    })
}

/// What RFC 3264 §6 demands of an answer.
fn is_answer(offered: &Description, answer: &Description, media: &Negotiated) {
    assert_eq!(answer.media().len(), offered.media().len());
    let mut open = 0;
    for (offered, answer) in offered.media().iter().zip(answer.media()) {
        assert_eq!(answer.kind_name(), offered.kind_name());
        assert_eq!(answer.proto_name(), offered.proto_name());
        if answer.port == 0 {
            continue;
        }
        open += 1;
        assert!(offered.port != 0, "what is closed stays closed");
        let said = offered.direction.inverted();
        assert_eq!(answer.direction.narrowed(said), answer.direction);
        // RFC 4145 §4.1, and no word of `holdconn` (RFC 6135 §4.2.1).
        let fits = match offered.setup {
            Some(Setup::Active | Setup::Holdconn) | None => answer.setup == Some(Setup::Passive),
            Some(Setup::Passive) => answer.setup == Some(Setup::Active),
            Some(Setup::Actpass) => matches!(answer.setup, Some(Setup::Active | Setup::Passive)),
        };
        assert!(fits, "{:?} {:?}", offered.setup, answer.setup);
        assert_eq!(media.connect, answer.setup == Some(Setup::Active));
        assert!(offered.cema || !answer.cema);
        assert_eq!(
            (media.can_send, media.can_receive),
            (answer.direction.sends(), answer.direction.receives())
        );
        // Whoever connects says so at its own place (RFC 6135 §4.2.2).
        assert_eq!(answer.port == 9, media.connect);
    }
    assert_eq!(open, 1);
    let times = |of: &Description| {
        of.times()
            .map(|time| (time.start, time.stop))
            .collect::<std::vec::Vec<_>>()
    };
    if times(offered).is_empty() {
        assert_eq!(times(answer), [(0, 0)]);
    } else {
        assert_eq!(times(answer), times(offered));
    }
}

proptest! {
    #[test]
    fn any_offer_is_refused_or_answered_as_rfc_3264_allows(config in configs(), text in offers(), later in offers()) {
        let offered = sdp::parse(&Bytes::from(text)).unwrap();
        let mint = Mint { id: ID, number: 1 };
        let mut out = BytesMut::new();
        match answer(&config, mint, &offered, LIMIT, &mut out) {
            Err(refused) => prop_assert!(refused.status == Status(488) && refused.warning.is_some()),
            Ok(answered) => {
                let read = sdp::parse(&answered.sdp).unwrap();
                is_answer(&offered, &read, &answered.media);
                // What follows: any offer at all, as a change or as none.
                let standing = Standing { ours: &answered.sdp, origin: offered.origin(), media: &answered.media };
                let again = answer_later(&config, &standing, &offered, LIMIT, Change::Refused, &mut out);
                prop_assert_eq!(again, Ok(Later::Same));
                let later = sdp::parse(&Bytes::from(later.replace("o=a 1 1", "o=a 1 2"))).unwrap();
                for change in [Change::Refused, Change::Accepted] {
                    match answer_later(&config, &standing, &later, LIMIT, change, &mut out) {
                        Err(refused) => prop_assert_eq!(refused.status, Status(488)),
                        Ok(Later::Same) => prop_assert_eq!(later.media().len(), read.media().len()),
                        Ok(Later::Closed(sdp)) => {
                            let next = sdp::parse(&sdp).unwrap();
                            prop_assert_eq!(next.media().len(), later.media().len());
                            prop_assert!(next.media().iter().all(|line| line.port == 0));
                            prop_assert_eq!(version(&next), version(&read) + 1);
                        }
                        Ok(Later::Changed(sdp, media)) => {
                            let next = sdp::parse(&sdp).unwrap();
                            prop_assert_eq!(next.media().len(), later.media().len());
                            prop_assert_eq!(next.media().iter().filter(|line| line.port != 0).count(), 1);
                            prop_assert_eq!(version(&next), version(&read) + 1);
                            let open = next.media().iter().find(|line| line.port != 0).unwrap();
                            prop_assert_eq!(open.direction.sends(), media.can_send);
                            prop_assert_eq!(open.setup == Some(Setup::Active), media.connect);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn both_agree_who_connects_and_where_to(
        alice in configs(), bob in configs(), direction in directions(), size in any::<Option<u16>>(),
    ) {
        let mut alice = alice;
        alice.msrp.host = "192.0.2.10".to_owned();
        let wanted = Wanted { direction, accept_types: "text/plain", filelength: size.map(u64::from), ..Wanted::default() };
        let offered = offering(&alice, &wanted);
        let read = sdp::parse(&offered.sdp).unwrap();
        let mint = Mint { id: ID, number: 1 };
        let mut out = BytesMut::new();
        if let Ok(answered) = answer(&bob, mint, &read, LIMIT, &mut out) {
            let read = sdp::parse(&answered.sdp).unwrap();
            match conclude(&alice, &offered, &read) {
                // Nobody is between us.
                Ok(Concluded::Again) => prop_assert!(false, "no reason to offer again"),
                Ok(Concluded::Agreed(ours)) => {
                    let theirs = &answered.media;
                    prop_assert_eq!(ours.connect, !theirs.connect);
                    prop_assert_eq!((ours.can_send, ours.can_receive), (theirs.can_receive, theirs.can_send));
                    prop_assert_eq!((ours.peer(), theirs.peer()), (answered.own.clone(), offered.own.clone()));
                    // Where to: to the path or to the line is the same.
                    for (media, peer) in [(&ours, &bob), (theirs, &alice)] {
                        let target = text(&media.target());
                        let place = format!("{}:{}", peer.msrp.host, peer.msrp.port);
                        prop_assert!(target.is_empty() || target == place, "{} {}", target, place);
                        prop_assert!(target.is_empty() || media.connect);
                    }
                }
                Err(_) => {
                    // Only who has no address, no types, or may not say none.
                    let nowhere = bob.msrp.host == "0.0.0.0" && !answered.media.connect;
                    let silent = bob.account.accept_types.is_empty() && !alice.profile.accept_types_missing;
                    prop_assert!(nowhere || silent);
                }
            }
        }
    }
}

fn version(description: &Description) -> u64 {
    let origin = sdp::Origin::read(description.origin()).unwrap();
    origin.version.parse().unwrap()
}
