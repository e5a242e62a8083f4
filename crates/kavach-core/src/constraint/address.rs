//! From where: blocks of IP addresses.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use crate::error::{ParseError, Problem};

/// A block of addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3).
///
/// Prints and parses as `10.0.0.0/8` and `2001:db8::/32`; a block of one address as that address. A
/// block of IPv4 addresses that are written as IPv6 (RFC 4291 section 2.5.5.2) is one of IPv4. Bits
/// below the prefix are refused, never dropped.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AddressBlock {
    /// INVARIANT (canonical block): not an IPv4 address written as IPv6, and no bit below the prefix.
    first: IpAddr,
    /// The length of the prefix: up to 32 for IPv4, 128 for IPv6.
    bits: u8,
}

/// Some addresses: a list of blocks. Empty: none.
///
/// Prints and parses as blocks with commas, sorted, `10.0.0.0/8,2001:db8::/32`; none as `none`. Each
/// set has one spelling: blocks within others are dropped, and two halves of one are joined. IPv6 does
/// not include IPv4: all addresses are `0.0.0.0/0,::/0`.
///
/// ```
/// use kavach_core::AddressSet;
///
/// let set: AddressSet = "10.0.0.0/8,2001:db8::/32".parse()?;
/// assert!(set.has("10.1.2.3".parse().unwrap()));
/// assert!(set.has("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!set.has("11.0.0.0".parse().unwrap()));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AddressSet {
    /// INVARIANT (canonical set): sorted, disjoint, and no two that are the halves of one block.
    blocks: Vec<AddressBlock>,
}

const BLOCK: &str = "a block is an address, or one with the length of its prefix, as in `10.0.0.0/8` or \
                     `2001:db8::/32`";
const BELOW: &str =
    "the block's address has bits below its prefix; write the block's first address";

/// The bits of an address from the left, those of IPv4 in the first 32.
fn left_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

impl AddressBlock {
    /// How long the prefix of a single address is.
    fn longest(self) -> u8 {
        if self.first.is_ipv4() { 32 } else { 128 }
    }

    /// Whether `address`, in canonical form, is in it.
    fn has(self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4()
            && (left_bits(address) ^ left_bits(self.first)) & mask(self.bits) == 0
    }

    fn contains(self, other: Self) -> bool {
        self.bits <= other.bits && self.has(other.first)
    }

    /// The block that these two are the halves of.
    fn joined(self, other: Self) -> Option<Self> {
        let whole = Self {
            bits: self.bits.checked_sub(1)?,
            first: self.first,
        };
        let halves = self.bits == other.bits
            && self.first < other.first
            && whole.has(other.first)
            && left_bits(whole.first) & !mask(whole.bits) == 0;
        halves.then_some(whole)
    }
}

impl AddressSet {
    /// Whether `address` is among them; an IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.blocks.iter().any(|block| block.has(address))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The blocks, sorted and disjoint.
    #[must_use]
    pub fn blocks(&self) -> &[AddressBlock] {
        &self.blocks
    }

    /// The addresses in both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        // Two blocks nest or have nothing in common.
        let pairs = self
            .blocks
            .iter()
            .flat_map(|mine| other.blocks.iter().map(move |its| (*mine, *its)));
        let both = pairs.filter_map(
            |(mine, its)| match (mine.contains(its), its.contains(mine)) {
                (true, _) => Some(its),
                (false, true) => Some(mine),
                (false, false) => None,
            },
        );
        both.collect()
    }

    /// Whether all of `other` are among these. A set contains itself, and the empty one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.meet(other) == *other
    }
}

/// The set of all addresses in these blocks.
impl FromIterator<AddressBlock> for AddressSet {
    fn from_iter<I: IntoIterator<Item = AddressBlock>>(blocks: I) -> Self {
        let mut sorted: Vec<AddressBlock> = blocks.into_iter().collect();
        // By address, and the larger of two that begin alike first: what contains comes before what it
        // contains, and the halves of a block come one after the other.
        sorted.sort_unstable();
        let mut joined: Vec<AddressBlock> = Vec::with_capacity(sorted.len());
        for mut block in sorted {
            if joined.last().is_some_and(|known| known.contains(block)) {
                continue;
            }
            while let Some(whole) = joined.last().and_then(|known| known.joined(block)) {
                joined.pop();
                block = whole;
            }
            joined.push(block);
        }
        Self { blocks: joined }
    }
}

fn parse_block(text: &str) -> Result<AddressBlock, Problem> {
    let shape = Problem::Other(BLOCK);
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let first: IpAddr = address.parse().map_err(|_| shape)?;
    let whole = AddressBlock { first, bits: 0 }.longest();
    let bits: u8 = match bits {
        None => whole,
        Some(bits) => super::rate::whole(bits).ok_or(shape)?,
    };
    if bits > whole {
        return Err(shape);
    }
    if left_bits(first) & !(mask(bits)) != 0 {
        return Err(Problem::Other(BELOW));
    }
    // A block of mapped addresses is one of IPv4; a larger one keeps its bits, and has no IPv4 in it.
    Ok(match (first, first.to_canonical()) {
        (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if bits >= 96 => AddressBlock {
            first: mapped,
            bits: bits - 96,
        },
        _ => AddressBlock { first, bits },
    })
}

impl FromStr for AddressBlock {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse_block(text).map_err(|problem| ParseError::new("a block of addresses", text, problem))
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, bits } = self;
        if *bits == self.longest() {
            write!(f, "{first}")
        } else {
            write!(f, "{first}/{bits}")
        }
    }
}

impl FromStr for AddressSet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "none" {
            return Ok(Self::default());
        }
        text.split(',').map(str::parse).collect()
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blocks.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for block in &self.blocks {
            write!(f, "{separator}{block}")?;
            separator = ",";
        }
        Ok(())
    }
}
