//! What is read of every SIP message.

use simple_im::Head;

/// What a transaction layer and routing read.
pub(crate) fn routing(head: &Head) -> usize {
    head.from_tag().map_or(0, str::len)
        + head.to_tag().map_or(0, str::len)
        + head.call_id().len()
        + head.cseq() as usize
        + head.header("Via").map_or(0, str::len)
        + head.contact().map_or(0, |contact| contact.uri.len())
        + usize::from(head.max_forwards().unwrap_or_default())
}
