//! Suggestions for "Did you mean …?".

/// Returns the name in `known` that is nearest to `name`, if the difference is small enough for a typo.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let longest = 64;
    if name.len() > longest {
        return None;
    }
    let most = (name.len() / 3).clamp(1, 3);
    known
        .filter(|candidate| candidate.len() <= longest)
        .map(|candidate| (strsim::levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= most)
        .map(|(_, candidate)| candidate)
}

/// Returns the first few names, each as `$name`.
pub(super) fn list<'k>(names: impl Iterator<Item = &'k str>) -> String {
    let shown = 10;
    let names: Vec<String> = names.map(|name| format!("`${name}`")).collect();
    let first = names.get(..shown).unwrap_or(&names).join(", ");
    match names.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_caught_and_strangers_are_not() {
        let known = ["__timeFilter", "__timeFrom", "__week", "x"];
        let cases = [
            ("__timefilter", Some("__timeFilter")),
            ("__timeFiltr", Some("__timeFilter")),
            ("__timeForm", Some("__timeFrom")),
            ("__weeks", Some("__week")),
            ("__foo_bar_baz", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), known.into_iter()), None);
    }

    #[test]
    fn long_lists_are_cut_with_their_number() {
        let names: Vec<String> = (0..12).map(|n| format!("v{n}")).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("`$v9` and 2 more"));
    }
}
