//! Repeatable random numbers: hashes of the seed and of keys. There is no state, so the order of calls does
//! not matter.

/// The increment of the `SplitMix64` generator.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Returns 64 random bits for `seed` and these keys.
fn bits(seed: u64, keys: &[u64]) -> u64 {
    keys.iter().fold(mix(seed.wrapping_add(GOLDEN)), |hash, &key| {
        mix(hash.wrapping_add(key.wrapping_mul(GOLDEN) ^ key))
    })
}

/// Returns a number in `[0, 1)`.
pub(super) fn unit(seed: u64, keys: &[u64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    let numerator = (bits(seed, keys) >> 11) as f64;
    numerator / 9_007_199_254_740_992.0
}

/// Returns a number in `[low, high)`.
pub(super) fn between(seed: u64, keys: &[u64], low: f64, high: f64) -> f64 {
    low + (high - low) * unit(seed, keys)
}

/// Returns a random factor around 1, bell-shaped, at most `spread` away from it.
pub(super) fn wobble(seed: u64, keys: &[u64], spread: f64) -> f64 {
    let hash = bits(seed, keys);
    let sum: f64 = [hash & 0xFFFF, (hash >> 16) & 0xFFFF, (hash >> 32) & 0xFFFF, hash >> 48]
        .map(|part| f64::from(u32::try_from(part).unwrap_or(0)) / 65_535.0)
        .iter()
        .sum();
    1.0 + (sum / 2.0 - 1.0) * spread
}

/// Returns one of `choices`.
pub(super) fn pick<'a, T>(seed: u64, keys: &[u64], choices: &'a [T]) -> Option<&'a T> {
    let length = u64::try_from(choices.len()).ok().filter(|&length| length > 0)?;
    choices.get(usize::try_from(bits(seed, keys) % length).ok()?)
}

/// The finalizer of `SplitMix64`.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
