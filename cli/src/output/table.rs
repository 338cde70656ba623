//! Aligned columns as kubectl prints them: upper-case headers, three spaces between, no trailing blanks.

/// Renders rows below headers. Cells that are empty show as `-`.
pub(crate) fn render(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headers
        .iter()
        .map(|header| header.chars().count())
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(shown(cell).chars().count());
        }
    }
    let mut text = line(&widths, headers.iter().copied());
    for row in rows {
        text.push('\n');
        text.push_str(&line(&widths, row.iter().map(|cell| shown(cell))));
    }
    text
}

fn shown(cell: &str) -> &str {
    if cell.is_empty() { "-" } else { cell }
}

fn line<'a>(widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
    let padded: Vec<String> = cells
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"))
        .collect();
    padded.join("   ").trim_end().to_owned()
}

/// The age of something as kubectl shows it: `12s`, `5m10s`, `3h`, `2d`.
pub(crate) fn age(since: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{}m{}s", seconds / 60, seconds % 60),
        600..10_800 => format!("{}m", seconds / 60),
        10_800..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_cells_are_dashes() {
        let rows = vec![
            vec!["member-1".to_owned(), "True".to_owned()],
            vec!["m".to_owned(), String::new()],
        ];
        assert_eq!(
            render(&["NAME", "READY"], &rows),
            "NAME       READY\nmember-1   True\nm          -"
        );
    }

    #[test]
    fn ages_read_as_in_kubectl() {
        let at = |seconds| jiff::Timestamp::from_second(seconds).unwrap();
        for (seconds, expected) in [
            (0, "0s"),
            (119, "119s"),
            (130, "2m10s"),
            (700, "11m"),
            (11_000, "3h"),
            (200_000, "2d"),
        ] {
            assert_eq!(age(at(0), at(seconds)), expected);
        }
        assert_eq!(age(at(10), at(0)), "0s");
    }
}
