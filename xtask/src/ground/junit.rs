//! The results as a JUnit file, for tools that show them. Pure.

use crate::ground::case::Verdict;
use crate::ground::report::Finished;

/// The file's text.
pub(crate) fn document(results: &[Finished]) -> String {
    let failed = results.iter().filter(|result| matches!(result.verdict, Verdict::Failed(_))).count();
    let skipped = results.iter().filter(|result| matches!(result.verdict, Verdict::Skipped(_))).count();
    let cases: String = results.iter().map(case).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"ground\" tests=\"{}\" \
         failures=\"{failed}\" skipped=\"{skipped}\">\n{cases}</testsuite>\n</testsuites>\n",
        results.len()
    )
}

fn case(result: &Finished) -> String {
    let Finished { case, verdict, took, output } = result;
    let class = escaped(&format!("{}.{}", case.request.user.name(), case.suite));
    let name = escaped(&case.name);
    let ending = match verdict {
        Verdict::Passed => String::new(),
        Verdict::Skipped(reason) => format!("<skipped message=\"{}\"/>\n", escaped(reason)),
        Verdict::Failed(reason) => {
            format!("<failure message=\"{}\">{}</failure>\n", escaped(reason), escaped(output))
        }
    };
    let seconds = took.as_secs_f64();
    format!("<testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds:.3}\">\n{ending}</testcase>\n")
}

/// Text that may stand in XML 1.0, in an attribute too: what no escape can express is shown as U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push('\t'),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_program_prints_breaks_the_file() {
        assert_eq!(escaped("<a b=\"c\">&\x1b\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}&#10;");
    }
}
