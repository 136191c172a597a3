//! "Did you mean …?": the nearest of the names that do exist.

/// At most three of `known` that resemble `wanted`, best first.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// `; did you mean "price"?`, or nothing when no name comes near.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = nearest(wanted, known).iter().map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

#[test]
fn the_nearest_name_comes_first() {
    assert_eq!(did_you_mean("prise", ["price", "quantity"]), "; did you mean \"price\"?");
    assert_eq!(did_you_mean("zzz", ["price"]), "");
}
