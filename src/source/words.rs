//! Names of settings as users see them: the field in Grafana's form, and the key in provisioning files and on
//! the command line.

/// The folder where relative paths start.
pub(crate) const BASE_PATH: &str = r#""Base path" (`basePath`)"#;
/// An additional folder or file.
pub(crate) const MORE_PATHS: &str = r#""Add a folder or file" (`paths`)"#;
/// The folder or database file.
pub(crate) const PATH: &str = r#""Path" (`path`)"#;
/// The pattern of the reports.
pub(crate) const REPORTS: &str = r#""Report files" (`reports`)"#;
/// The threshold above which a pattern is slow.
pub(crate) const SLOW_ABOVE: &str = r#""Slow above" (`slowMs`)"#;

/// The remedy where a view reads files that do not belong to the datasource.
pub(crate) const OPENED_BY_SAVE_AND_TEST: &str =
    r#""Save & test" on the datasource's settings page names the path and what opens it"#;

/// Rewrites a message for the command line, which has options in place of the fields.
#[must_use]
pub(crate) fn for_command_line(message: &str) -> String {
    let options = [
        (BASE_PATH, "`--base-path`"),
        (MORE_PATHS, "`--path`"),
        (PATH, "`--path`"),
        (REPORTS, "`--reports`"),
        (SLOW_ABOVE, "`--setting slowMs=…`"),
        (OPENED_BY_SAVE_AND_TEST, "Name the folder that the view reads under `--path`, too"),
    ];
    let of_settings = " in the datasource's settings";
    let text = options.iter().fold(message.to_owned(), |text, (field, option)| {
        text.replace(&format!("{field}{of_settings}"), option).replace(field, option)
    });
    ["name", "set", "leave"].iter().fold(text.replace("leave it empty", "leave it out"), |text, verb| {
        let (first, rest) = verb.split_at(1);
        text.replace(
            &format!("In the datasource's settings {verb}"),
            &format!("{}{rest}", first.to_uppercase()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_options_for_fields() {
        let text =
            format!("Set {BASE_PATH} in the datasource's settings to `/a`, and check {PATH} and {REPORTS}");
        assert_eq!(for_command_line(&text), "Set `--base-path` to `/a`, and check `--path` and `--reports`");
        let text = format!("x. In the datasource's settings set {BASE_PATH} to `/a`, or leave it empty");
        assert_eq!(for_command_line(&text), "x. Set `--base-path` to `/a`, or leave it out");
        let text = for_command_line(OPENED_BY_SAVE_AND_TEST);
        assert_eq!(text, "Name the folder that the view reads under `--path`, too");
    }

    #[test]
    fn fields_are_called_as_on_the_page() {
        let page = [
            include_str!("../../frontend/src/components/ConfigEditor.tsx"),
            include_str!("../../frontend/src/components/settings.ts"),
        ]
        .concat();
        for field in [BASE_PATH, MORE_PATHS, PATH, REPORTS, SLOW_ABOVE] {
            let (label, name) = field.strip_prefix('"').unwrap().split_once("\" (`").unwrap();
            let is_label =
                [format!("label: '{label}'"), format!("label=\"{label}\""), format!("\n        {label}\n")];
            assert!(is_label.iter().any(|text| page.contains(text)), "{label}");
            assert!(page.contains(name.trim_end_matches("`)")), "{name}");
        }
    }
}
