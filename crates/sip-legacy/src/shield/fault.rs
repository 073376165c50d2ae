//! What is wrong with a request.

/// Why a request is answered at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub status: u16,
    pub phrase: &'static str,
    pub reason: &'static str,
}
