//! Of which type the key of an SSH signature is, also where nothing more of it is read.

use ssh_encoding::pem::PemLabel;
use ssh_encoding::{Decode, DecodePem, Error, Reader};

use crate::sanitize::plain;

/// Returns the type of the key that a text claims to be signed with; none if it is no SSH
/// signature.
pub(super) fn key_type(text: &[u8]) -> Option<String> {
    KeyType::decode_pem(text).ok().map(|KeyType(found)| plain(&found))
}

struct KeyType(String);

impl PemLabel for KeyType {
    const PEM_LABEL: &'static str = "SSH SIGNATURE";
}

impl Decode for KeyType {
    type Error = Error;

    fn decode(reader: &mut impl Reader) -> Result<Self, Error> {
        let mut magic = [0; 6];
        reader.read(&mut magic)?;
        if &magic != b"SSHSIG" || u32::decode(reader)? != 1 {
            return Err(Error::Length);
        }
        let key = Vec::<u8>::decode(reader)?;
        // The signature itself. No more than what a signature file may have is given.
        let mut rest = vec![0; reader.remaining_len()];
        reader.read(&mut rest)?;
        String::decode(&mut key.as_slice()).map(Self)
    }
}
