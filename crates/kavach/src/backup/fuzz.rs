//! The body of the fuzz target for backups.

use super::read::check;

/// Whatever bytes a file has: reading it never panics, nor sets memory aside for what is not there.
pub fn backup(bytes: &[u8]) {
    if let Ok(contents) = check(bytes, None) {
        assert_eq!(
            contents.logs.len(),
            contents.heads.len(),
            "a log without a head"
        );
        // Cut anywhere, it is none.
        let half = bytes.len() / 2;
        let cut = bytes.get(..half).unwrap_or_default();
        assert!(check(cut, None).is_err(), "half a backup is whole");
    }
}
