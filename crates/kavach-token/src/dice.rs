//! Chance that comes out the same each time.

/// The seed of every ordinary run.
const SEED: u64 = 20_261_121;

/// Whether this is the long run.
fn is_campaign() -> bool {
    std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1")
}

/// `usual`, or `campaign` if somebody asked for more with `KAVACH_CAMPAIGN=1`.
pub(crate) fn rounds(usual: u32, campaign: u32) -> u32 {
    if is_campaign() { campaign } else { usual }
}

/// `KAVACH_SEED` if it is set, so that a run can be had again.
pub(crate) fn seed() -> u64 {
    let text = std::env::var("KAVACH_SEED");
    text.map_or(SEED, |text| {
        text.parse().expect("`KAVACH_SEED` is a number")
    })
}

/// Splitmix64.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to just below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        let index = self.below(among.len() as u64);
        among[usize::try_from(index).unwrap()]
    }
}
