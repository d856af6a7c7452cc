//! SDP: an MSRP offer.

use bytes::Bytes;
use rust_strict_sdp::AsSDP as _;
use simple_im::wire::sdp;

use crate::Job;

const OFFER: &[u8] = include_bytes!("../../data/msrp_offer.sdp");

pub(crate) fn jobs() -> Vec<Job> {
    let offer = Bytes::from_static(OFFER);
    vec![
        Job::new("SDP offer, 440 B: parse", move || {
            sdp::parse(&offer).expect("sample").media().len()
        })
        .gated("rust-strict-sdp", 4.5, || {
            OFFER.as_sdp().expect("sample").medias.len()
        })
        .gated("sdp-types", 8.0, || {
            sdp_types::Session::parse(OFFER)
                .expect("sample")
                .medias
                .len()
        }),
    ]
}
