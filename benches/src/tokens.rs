//! Kinds of tokens that are narrowed on the way, each in its own library's way, behind one trait.
//!
//! Every chain allows reading ten resources of one server; each hop passes all of it on. The last holder
//! reads one of them. `hops` counts holders: with one, nobody delegated.

use std::hint::black_box;

use crate::{Failed, now};

#[cfg(feature = "rivals")]
mod biscuit;
#[cfg(feature = "rivals")]
mod jwt;
#[cfg(feature = "rivals")]
mod macaroons;
mod ours;
#[cfg(feature = "rivals")]
mod warrants;

#[cfg(feature = "rivals")]
pub use biscuit::Biscuits;
#[cfg(feature = "rivals")]
pub use jwt::{FlatJwt, NestedJwt};
#[cfg(feature = "rivals")]
pub use macaroons::Macaroons;
pub use ours::{Cold, Warm, hostile, write_ours};
#[cfg(feature = "rivals")]
pub use warrants::Tenuo;

/// What may be read, of the server `github`.
pub const NAMES: [&str; 10] = [
    "issues", "pulls", "actions", "wiki", "labels", "teams", "hooks", "keys", "pages", "gists",
];
/// What is asked for, and what nobody may.
pub const ASKED: &str = "issues";
/// What nobody may read.
pub const FORBIDDEN: &str = "secrets";

/// One kind of token.
pub trait Scheme: Sized {
    /// What it is called in tables.
    const NAME: &'static str;
    /// What is sent with one call.
    type Proof;

    /// A chain of so many holders, ready to call.
    ///
    /// # Errors
    /// If its library makes none.
    fn of(hops: usize) -> Result<Self, Failed>;

    /// What the last holder sends with call number `number`.
    ///
    /// # Errors
    /// If its library makes none.
    fn prove(&self, number: u64) -> Result<Self::Proof, Failed>;

    /// Whether a service accepts it, for reading `name`.
    fn accepts(&self, proof: &Self::Proof, name: &str) -> bool;

    /// Bytes that are sent.
    fn bytes(&self, proof: &Self::Proof) -> usize;
}

/// What one kind of token costs at one length.
#[expect(clippy::exhaustive_structs, reason = "a row of a table")]
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Microseconds to verify, the median.
    pub verify_us: f64,
    /// Microseconds for the last holder to make what it sends, the median.
    pub prove_us: f64,
    /// Bytes that are sent with a call.
    pub bytes: usize,
}

/// Measures one kind at one length, after asserting what it must accept and refuse.
///
/// # Errors
/// If its library fails, or answers wrongly.
pub fn measure<S: Scheme>(hops: usize, calls: u64) -> Result<Row, Failed> {
    let scheme = S::of(hops)?;
    let first = scheme.prove(u64::MAX)?;
    if scheme.accepts(&first, FORBIDDEN) || !scheme.accepts(&first, ASKED) {
        return Err(format!("{} answers wrongly at {hops} hops", S::NAME).into());
    }
    let bytes = scheme.bytes(&first);
    let mut proofs = Vec::new();
    let mut proving = Vec::new();
    for number in 0..calls {
        let start = now();
        let proof = scheme.prove(number)?;
        proving.push(start.elapsed().as_secs_f64() * 1e6);
        proofs.push(proof);
    }
    let mut verifying = Vec::new();
    for proof in &proofs {
        let start = now();
        let accepted = black_box(scheme.accepts(black_box(proof), ASKED));
        verifying.push(start.elapsed().as_secs_f64() * 1e6);
        if !accepted {
            return Err(format!("{} refuses at {hops} hops", S::NAME).into());
        }
    }
    Ok(Row {
        verify_us: median(verifying),
        prove_us: median(proving),
        bytes,
    })
}

/// The middle one.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
