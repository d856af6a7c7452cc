//! Which departures of real peers from the grammar of MSRP are put up with.

/// What an MSRP decoder takes although RFC 4975 §9 does not have it: a knob for each habit of real peers.
///
/// A frame that has what is not tolerated is refused with 400 and skipped, a stray CRLF apart: that ends
/// the framing. What no knob names is refused in any case: a line that does not end with CRLF, a header
/// line without colon, a control character, a field of RFC 4975 said twice, numbers that make no sense, no
/// path, or an end-line that no CRLF separates from the body before it.
///
/// No knob is needed for what the grammar allows: header names in any case, extra header fields in
/// responses, a status without comment, a SEND without Byte-Range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tolerance {
    /// CRLF between two frames, by which some keep a binding alive.
    pub stray_crlf: bool,
    /// No blank, or more than one, or a tab, between the colon and the value; blanks behind the value; more
    /// than one blank between the URIs of a path.
    pub loose_blanks: bool,
    /// Header names beyond `ALPHA *token`.
    pub loose_names: bool,
    /// Transaction and message ids of one to three letters.
    pub short_ids: bool,
    /// Transaction and message ids of 33 to 64 letters.
    pub long_ids: bool,
    /// To-Path that is not the first header field, From-Path that is not the second.
    pub paths_anywhere: bool,
    /// MIME header fields before others, Content-Type before another MIME header field.
    pub mime_anywhere: bool,
    /// An empty line after header fields that name no Content-Type, whether a body follows or none.
    pub untyped_body: bool,
    /// An end-line directly behind that empty line.
    pub bare_end_line: bool,
    /// MIME header fields in a frame without a body.
    pub typed_nothing: bool,
    /// A body in a response. It is handed over, and means nothing.
    pub response_body: bool,
    /// A response without To-Path or From-Path: the transaction id tells what it answers.
    pub pathless_response: bool,
    /// A SEND with neither Message-ID nor Content-Type, by which some keep a session alive.
    pub nameless_send: bool,
    /// Success-Report or Failure-Report in other requests than SEND. They mean nothing there.
    pub stray_wishes: bool,
    /// Values of Success-Report and Failure-Report that nobody knows. They mean the default.
    pub unknown_wishes: bool,
    /// A Status in another namespace than `000`. Such a REPORT is passed over.
    pub foreign_status: bool,
    /// An end-line of a response, or of a request without body other than SEND, with a flag other than `$`.
    pub odd_flags: bool,
    /// A To-Path or From-Path with what is no MSRP URI: whoever routes by it finds out.
    pub unread_paths: bool,
    /// Fields of RFC 4976 and RFC 7701 that are malformed, or repeated where one is meant: whoever asks for
    /// them finds out.
    pub unread_extensions: bool,
    /// A Content-Type or Content-Disposition that is malformed, any MIME header field that is repeated.
    pub unread_mime: bool,
}

impl Tolerance {
    /// Everything that real peers are known to do. The default.
    pub const fn lenient() -> Self {
        Self::all(true)
    }

    /// What the grammar allows and nothing else.
    pub const fn strict() -> Self {
        Self::all(false)
    }

    const fn all(tolerated: bool) -> Self {
        Self {
            stray_crlf: tolerated,
            loose_blanks: tolerated,
            loose_names: tolerated,
            short_ids: tolerated,
            long_ids: tolerated,
            paths_anywhere: tolerated,
            mime_anywhere: tolerated,
            untyped_body: tolerated,
            bare_end_line: tolerated,
            typed_nothing: tolerated,
            response_body: tolerated,
            pathless_response: tolerated,
            nameless_send: tolerated,
            stray_wishes: tolerated,
            unknown_wishes: tolerated,
            foreign_status: tolerated,
            odd_flags: tolerated,
            unread_paths: tolerated,
            unread_extensions: tolerated,
            unread_mime: tolerated,
        }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::lenient()
    }
}
