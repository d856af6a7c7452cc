//! Descriptions as `sdp-types` reads them: a parser that others keep, with owned fields and another tolerance. What
//! both accept, both read alike.

use bytes::Bytes;
use proptest::prelude::*;
use sdp_types::{Connection, Session};
use simple_im::wire::sdp::{self, Address, Attribute, Media, Origin};

/// Whether both accept it; then what they find is compared.
pub fn both_read_alike(text: &[u8]) -> bool {
    let ours = sdp::parse(&Bytes::copy_from_slice(text));
    let (Ok(ours), Ok(theirs)) = (ours, Session::parse(text)) else {
        return false;
    };
    // It takes other things than numbers for numbers, and makes an origin up where there is none.
    if let Some(ours) = Origin::read(ours.origin()) {
        let theirs = &theirs.origin;
        assert_eq!(ours.user, theirs.username.as_deref().unwrap_or("-"));
        assert_eq!(ours.id, theirs.sess_id);
        assert_eq!(ours.version.parse(), Ok(theirs.sess_version));
        let kinds = (theirs.nettype.to_string(), theirs.addrtype.to_string());
        same_place(&ours.address, &kinds, &theirs.unicast_address);
    }
    assert_eq!(ours.name(), theirs.session_name.trim_ascii());
    let info = theirs.session_description.as_deref().unwrap_or_default();
    assert_eq!(ours.info(), info.trim_ascii());
    // A malformed address is the caller's to refuse with us.
    if let (Some(ours), Some(theirs)) = (ours.address(), &theirs.connection) {
        same_connection(&ours, theirs);
    }
    let times: Vec<_> = ours.times().map(|time| (time.start, time.stop)).collect();
    let expected: Vec<_> = theirs
        .times
        .iter()
        .map(|time| (time.start_time, time.stop_time))
        .collect();
    assert_eq!(times, expected);
    let bandwidths: Vec<_> = ours
        .bandwidths()
        .map(|b| (b.kind.to_owned(), b.value))
        .collect();
    let expected: Vec<_> = theirs
        .bandwidths
        .iter()
        .map(|b| (b.bwtype.clone(), b.bandwidth))
        .collect();
    assert_eq!(bandwidths, expected);
    same_attributes(ours.session().attributes(), &theirs.attributes);
    assert_eq!(ours.media().len(), theirs.medias.len());
    for (ours, theirs) in ours.media().iter().zip(&theirs.medias) {
        same_media(ours, theirs);
    }
    true
}

fn same_media(ours: &Media, theirs: &sdp_types::Media) {
    assert_eq!((ours.kind_name(), ours.port), (&*theirs.media, theirs.port));
    assert_eq!(
        u64::from(ours.ports()),
        theirs.num_ports.map_or(1, u64::from)
    );
    assert_eq!(ours.proto_name(), theirs.proto);
    let formats = theirs.fmt.split(' ').filter(|format| !format.is_empty());
    assert!(
        ours.formats().eq(formats),
        "{:?} {}",
        ours.line(),
        theirs.fmt
    );
    let info = theirs.media_title.as_deref().unwrap_or_default();
    assert_eq!(ours.info(), info.trim_ascii());
    if ours.addresses().count() == theirs.connections.len() {
        for (ours, theirs) in ours.addresses().zip(&theirs.connections) {
            same_connection(&ours, theirs);
        }
    }
    same_attributes(ours.lines().attributes(), &theirs.attributes);
}

fn same_connection(ours: &Address<'_>, theirs: &Connection) {
    let kinds = (theirs.nettype.to_string(), theirs.addrtype.to_string());
    same_place(ours, &kinds, &theirs.connection_address);
}

fn same_place(ours: &Address<'_>, (network, family): &(String, String), address: &str) {
    assert!(ours.network.eq_ignore_ascii_case(network), "{ours:?}");
    assert!(ours.family.eq_ignore_ascii_case(family), "{ours:?}");
    let mut parts = address.split('/');
    assert_eq!(Some(ours.host), parts.next());
    let numbers: Vec<u32> = parts.map(|part| part.parse().unwrap()).collect();
    let read: Vec<_> = ours
        .ttl
        .map(u32::from)
        .into_iter()
        .chain(ours.count)
        .collect();
    assert_eq!(read, numbers);
}

fn same_attributes<'a>(ours: impl Iterator<Item = Attribute<'a>>, theirs: &[sdp_types::Attribute]) {
    let ours: Vec<_> = ours
        .map(|a| (a.name, a.value.map(<[u8]>::to_vec)))
        .collect();
    let expected: Vec<_> = theirs
        .iter()
        .map(|a| {
            (
                a.attribute.trim_ascii(),
                a.value.as_ref().map(|v| v.as_bytes().to_vec()),
            )
        })
        .collect();
    assert_eq!(ours, expected);
}

/// Lines that are sound mostly, in any order and number.
fn line() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1",
        "o=- 1 1 IN IP6 ::1",
        "s=-",
        "s=",
        "s= a name ",
        "i=info",
        "u=http://h/",
        "e=a@h",
        "p=+1 2",
        "c=IN IP4 224.2.1.1/127/3",
        "c=IN IP6 FF15::101/3",
        "c=IN IP4 h.example.com",
        "b=CT:128",
        "b=X-YZ:7",
        "t=1 2",
        "t=0 0",
        "r=7d 1h 0 25h",
        "z=1 -1h 2 0",
        "k=prompt",
        "a=recvonly",
        "a=path:msrp://h:1/x;tcp",
        "a=x: y:z ",
        "a=flag",
        "a=setup:active",
        "m=message 2855 TCP/MSRP *",
        "m=audio 49170/2 RTP/AVP 0 8",
        "m=video 0 RTP/AVP 31",
        "q=z",
    ]);
    prop_oneof![
        8 => fixed.prop_map(str::to_owned),
        1 => "[a-z]=[ -~]{0,20}",
        1 => "m=[a-z]{1,5} {1,2}[0-9/]{1,6} [A-Z/]{1,8} [*0-9 ]{1,6}",
        1 => "a=[a-z: -]{0,12}",
        1 => "[oc]=[A-Z0-9a-z./: -]{0,24}",
    ]
}

proptest! {
    #[test]
    fn what_both_accept_both_read_alike(lines in prop::collection::vec(line(), 0..16), crlf in any::<bool>()) {
        let end = if crlf { "\r\n" } else { "\n" };
        let text: String = ["v=0".to_owned()].into_iter().chain(lines).map(|line| line + end).collect();
        both_read_alike(text.as_bytes());
    }
}
