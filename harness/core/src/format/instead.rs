//! What lies where a file of a recording should be: tools that keep large files elsewhere
//! leave links and pointers.

use std::fmt;

/// Names what lies in the place of a plain file. None of it says anything about what was
/// recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// A link of nobody's in particular.
    Link,
    /// A link into the store of git-annex.
    AnnexLink,
    /// A link into the cache of DVC.
    DvcLink,
    /// A text that Git LFS leaves for a file that it has not fetched.
    LfsPointer,
    /// A text that git-annex leaves for a file that it has not fetched.
    AnnexPointer,
    /// Nothing, and beside it a file of DVC's that stands for it.
    DvcFile,
    /// Nothing, and a file or folder whose name has other capital letters.
    OtherCase,
    /// Nothing, as its folder is a plain file.
    NoFolder,
    /// A folder.
    Folder,
    /// A pipe, a socket or a device.
    Special,
}

/// Bytes of a file that [`Instead::of_beginning`] wants.
pub const POINTER_BYTES: usize = 40;

impl Instead {
    /// Recognises a pointer by the first bytes of the file. No file of a recording begins
    /// like that.
    pub fn of_beginning(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
            Some(Self::LfsPointer)
        } else if bytes.starts_with(b"/annex/objects/") {
            Some(Self::AnnexPointer)
        } else {
            None
        }
    }

    /// Recognises whose link it is by where it leads, which is not looked at.
    pub fn of_link(target: &str) -> Self {
        if target.contains(".git/annex/objects/") {
            Self::AnnexLink
        } else if target.contains(".dvc/cache/") {
            Self::DvcLink
        } else {
            Self::Link
        }
    }
}

impl fmt::Display for Instead {
    /// Completes the sentence "the file is ..." and says what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => {
                "a link, no plain file, and links of a recording are not followed: copy the \
                 recording with `cp -rL RUN COPY` and use the copy"
            }
            Self::AnnexLink => {
                "a link of git-annex, no plain file, and links of a recording are not followed: \
                 fetch it with `git annex get` and make it a file with `git annex unlock`"
            }
            Self::DvcLink => {
                "a link into the cache of DVC, no plain file, and links of a recording are not \
                 followed: set `dvc config cache.type copy`, then `dvc checkout --relink`"
            }
            Self::LfsPointer => {
                "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"
            }
            Self::AnnexPointer => {
                "a pointer of git-annex, not the file itself: fetch it with `git annex get`"
            }
            Self::DvcFile => "not there, but DVC keeps it: fetch it with `dvc pull`",
            Self::OtherCase => {
                "not there, but something of that name in capital letters is, as some disks and \
                 archives leave it: rename it"
            }
            Self::NoFolder => "not there: its folder is a file, no folder",
            Self::Folder => "a folder, no plain file",
            Self::Special => "no plain file but a pipe, a socket or a device",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_known_by_how_they_begin() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert_eq!(Instead::of_beginning(&lfs[..POINTER_BYTES]), Some(Instead::LfsPointer));
        let annex = b"/annex/objects/SHA256E-s31390--f50d.safetensors\n";
        assert_eq!(Instead::of_beginning(&annex[..POINTER_BYTES]), Some(Instead::AnnexPointer));
        for other in [&b""[..], b"reenact journal\n", b"version https://", b"/annex"] {
            assert_eq!(Instead::of_beginning(other), None);
        }
    }

    #[test]
    fn links_are_known_by_where_they_lead() {
        let annex = "../../.git/annex/objects/1K/zQ/SHA256E-s5--2cf2/SHA256E-s5--2cf2";
        assert_eq!(Instead::of_link(annex), Instead::AnnexLink);
        assert_eq!(Instead::of_link("/home/ada/p/.dvc/cache/files/md5/ab/cd"), Instead::DvcLink);
        assert_eq!(Instead::of_link("/etc/passwd"), Instead::Link);
    }
}
