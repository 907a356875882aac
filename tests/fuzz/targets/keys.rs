//! Any text as a key, as a list of allowed signers, and as a file of a secret
//! key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::PublicKey;
use reenact_core::verify::AllowedSigners;
use reenact_fuzz::{honest, seeds};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

/// A file as `reenact keygen` writes it.
fn key_file() -> String {
    let public = *honest::key().public().bytes();
    let bytes = [[7; 32], public].concat().try_into().expect("there are 64");
    let pair = Ed25519Keypair::from_bytes(&bytes).expect("the halves belong together");
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "a name").expect("it is a key");
    key.to_openssh(LineEnding::LF).expect("it has a text").to_string()
}

fn texts() -> Vec<String> {
    let key = honest::key().public();
    let base64 = key.to_string().split(' ').nth(1).unwrap_or_default().to_owned();
    let options = r#"namespaces="file,reenact-*@v1""#;
    vec![
        format!("# the cluster\n\"Ada L\",ada@example.org {key}\n"),
        format!("ada@example.org {options} {key} a comment\nbob ssh-rsa AAAAB3Nz\n"),
        format!("ada cert-authority {key}\n"),
        format!("ada namespaces=\"*,!git\",valid-before=\"20270101\" {key}\n"),
        base64,
        key_file(),
    ]
}

fuzz_target!(
    init: seeds::write(texts().into_iter().map(String::into_bytes)),
    |data: &[u8]| {
        let Ok(text) = std::str::from_utf8(data) else { return };
        if let Ok(key) = PublicKey::parse_base64(text) {
            let line = key.to_string();
            let base64 = line.split(' ').nth(1).unwrap_or_default();
            assert_eq!(PublicKey::parse_base64(base64), Ok(key));
        }
        if let Ok(signers) = text.parse::<AllowedSigners>() {
            let principal = signers.principal_of(honest::key().public());
            assert!(principal.is_none_or(|principal| text.contains(principal)));
        }
        let _ = PrivateKey::from_openssh(text);
    }
);
