//! The secrets that this crate is handed.

use std::fmt;

use zeroize::Zeroizing;

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Neither printed nor compared, and wiped from memory when dropped.
        pub struct $name(Zeroizing<[u8; 32]>);

        impl $name {
            /// The key with these bytes, which the caller drew at random.
            #[must_use]
            pub fn new(bytes: [u8; 32]) -> Self {
                Self(Zeroizing::new(bytes))
            }

            /// The bytes, for whoever wraps or uses the key.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

key! {
    /// The key of one person, under which their private fields are encrypted. Erasing the person is
    /// erasing this key.
    ///
    /// One key serves at most 2^32 events: nonces are random (RFC 8439 section 2.8).
    PersonKey
}
key! {
    /// The key of one tenant for hashing arguments, and for nothing else.
    TenantKey
}
