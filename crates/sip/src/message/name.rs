//! Names of header fields: case-insensitive, with compact forms (RFC 3261 section 7.3.3 and the IANA registry).

/// Writes the table once: variant, usual spelling, compact form.
macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?,)*) => {
        /// A header field that this crate knows by name. Others are asked for by their text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Name {
            $(
                #[doc = concat!("`", $text, "`")]
                $variant,
            )*
        }

        const KNOWN: &[(Name, &str, &str)] = &[
            $((Name::$variant, $text, concat!($($compact)?)),)*
        ];

        impl Name {
            /// The usual spelling.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Name::$variant => $text,)*
                }
            }
        }
    };
}

names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    Route "Route",
    RecordRoute "Record-Route",
    Allow "Allow",
    Supported "Supported" "k",
    UserAgent "User-Agent",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Unsupported "Unsupported",
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    AllowEvents "Allow-Events" "u",
    AlertInfo "Alert-Info",
    Authorization "Authorization",
    AuthenticationInfo "Authentication-Info",
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" "e",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" "o",
    Expires "Expires",
    FlowTimer "Flow-Timer",
    HistoryInfo "History-Info",
    InfoPackage "Info-Package",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity",
    PCalledPartyId "P-Called-Party-ID",
    PEarlyMedia "P-Early-Media",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    RAck "RAck",
    RSeq "RSeq",
    Reason "Reason",
    RecvInfo "Recv-Info",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    RemotePartyId "Remote-Party-ID",
    Replaces "Replaces",
    RetryAfter "Retry-After",
    SecurityClient "Security-Client",
    SecurityServer "Security-Server",
    SecurityVerify "Security-Verify",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" "x",
    Subject "Subject" "s",
    SubscriptionState "Subscription-State",
    Timestamp "Timestamp",
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

impl Name {
    /// Reads a name in any case, long or compact; `None` for one that is not known here.
    pub fn from_text(text: &str) -> Option<Name> {
        let found = KNOWN.iter().find(|(_, long, compact)| {
            if text.len() == 1 {
                compact.eq_ignore_ascii_case(text)
            } else {
                long.eq_ignore_ascii_case(text)
            }
        });
        found.map(|(name, ..)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_in_short() {
        assert_eq!(Name::from_text("call-id"), Some(Name::CallId));
        assert_eq!(Name::from_text("I"), Some(Name::CallId));
        assert_eq!(Name::from_text("x"), Some(Name::SessionExpires));
        assert_eq!(Name::from_text("X-Trunk"), None);
        assert_eq!(Name::from_text(""), None);
        assert_eq!(Name::from_text("z"), None);
    }
}
