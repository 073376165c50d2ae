//! A certificate of ECDSA for baresip, whose own is of RSA in the version that Debian has; newer ones make the former.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a phone is started with, so that its DTLS shows a new certificate of ECDSA.
pub fn instead_of_rsa(dir: &Path) -> [(&'static str, PathBuf); 2] {
    let file = dir.join("dtls.pem");
    let made = rcgen::generate_simple_self_signed(["phone".to_owned()]).unwrap();
    let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(&file, pem).unwrap();
    [("LD_PRELOAD", library().to_owned()), ("PHONE_CERTIFICATE", file)]
}

/// Made once.
fn library() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Another process may be making it, or be using the last one.
        let new = folder.join(format!("ecdsa-{}.so", std::process::id()));
        let library = folder.join("ecdsa.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/rig/ecdsa.c");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&new)
            .arg(source)
            .status()
            .expect("a C compiler; scripts/test installs it");
        assert!(made.success());
        std::fs::rename(&new, &library).unwrap();
        library
    })
}
