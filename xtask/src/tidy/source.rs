//! One Rust file as the rules see it: its functions with their length, and its tokens.
//!
//! Tokens come from `proc-macro2`, so what stands in strings and comments is never mistaken for code.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::Finding;

/// A Rust file, taken apart.
pub(super) struct Source {
    pub(super) file: String,
    pub(super) lines: usize,
    /// Whether its first line of substance is a `//!` comment.
    pub(super) has_head: bool,
    pub(super) functions: Vec<Function>,
    pub(super) words: Vec<Word>,
    pub(super) attributes: Vec<Attribute>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    /// From the line of `fn` to the line of the closing brace.
    pub(super) lines: usize,
}

/// An identifier or keyword, and whether it calls a macro.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) calls_macro: bool,
}

/// `#[name …]`, with every identifier and every literal inside, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) line: usize,
    pub(super) words: Vec<String>,
}

impl Source {
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Finding> {
        let tokens = TokenStream::from_str(text).map_err(|error| {
            let line = error.span().start().line;
            Finding::new(file, line, format!("not Rust that can be read: {error}"))
        })?;
        let mut source = Self {
            file: file.to_owned(),
            lines: text.lines().count(),
            has_head: text
                .lines()
                .find(|line| !line.trim().is_empty())
                .is_some_and(|line| line.starts_with("//!")),
            functions: Vec::new(),
            words: Vec::new(),
            attributes: Vec::new(),
        };
        source.walk(tokens);
        Ok(source)
    }

    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            let rest = tokens.get(at + 1..).unwrap_or_default();
            match token {
                TokenTree::Ident(word) => {
                    let text = word.to_string();
                    if text == "fn" {
                        self.functions.extend(function(word.span().start().line, rest));
                    }
                    let calls_macro = is_punct(rest.first(), '!');
                    self.words.push(Word { text, line: word.span().start().line, calls_macro });
                }
                TokenTree::Punct(mark) if mark.as_char() == '#' => self.attributes.extend(attribute(rest)),
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

/// The function whose keyword stood before `rest`; nothing for a declaration or a `fn` type.
fn function(line: usize, rest: &[TokenTree]) -> Option<Function> {
    let Some(TokenTree::Ident(name)) = rest.first() else { return None };
    let end = rest.iter().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Some(group)),
        token if is_punct(Some(token), ';') => Some(None),
        TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    });
    let last = end.flatten()?.span_close().end().line;
    Some(Function { name: name.to_string(), line, lines: last + 1 - line })
}

/// The attribute whose `#` stood before `rest`; doc comments are attributes too and are left out.
fn attribute(rest: &[TokenTree]) -> Option<Attribute> {
    let rest = if is_punct(rest.first(), '!') { rest.get(1..)? } else { rest };
    let Some(TokenTree::Group(group)) = rest.first() else { return None };
    let mut words = Vec::new();
    words_of(group, &mut words);
    let is_code = group.delimiter() == Delimiter::Bracket && words.first().is_some_and(|word| word != "doc");
    is_code.then(|| Attribute { line: group.span_open().start().line, words })
}

fn words_of(group: &Group, into: &mut Vec<String>) {
    for token in group.stream() {
        match token {
            TokenTree::Ident(word) => into.push(word.to_string()),
            TokenTree::Literal(value) => into.push(value.to_string()),
            TokenTree::Group(inner) => words_of(&inner, into),
            TokenTree::Punct(_) => {}
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(text: &str) -> Vec<(String, usize, usize)> {
        let source = Source::read("x.rs", text).unwrap();
        source.functions.into_iter().map(|f| (f.name, f.line, f.lines)).collect()
    }

    #[test]
    fn a_function_is_measured_from_its_keyword_to_its_brace() {
        let text = "fn a() {}\n\npub fn b<T>(x: T) -> [u8; 2]\nwhere\n    T: Fn(),\n{\n    // }\n    \"}\";\n    '}';\n}\n";
        assert_eq!(functions(text), [("a".to_owned(), 1, 1), ("b".to_owned(), 3, 8)]);
    }

    #[test]
    fn functions_inside_others_and_in_impls_count_too() {
        let text = "impl X {\n    fn outer() {\n        fn inner() {\n        }\n    }\n}";
        assert_eq!(functions(text), [("outer".to_owned(), 2, 4), ("inner".to_owned(), 3, 2)]);
    }

    #[test]
    fn declarations_and_function_types_have_no_length() {
        assert_eq!(functions("trait T { fn a(&self); }\ntype F = fn(u8) -> u8;\nstruct S { f: fn() }"), []);
    }

    #[test]
    fn a_head_must_come_first() {
        let has_head = |text| Source::read("x.rs", text).unwrap().has_head;
        assert!(has_head("//! What it is for.\nfn a() {}"));
        assert!(has_head("\n//! What it is for."));
        assert!(!has_head("use std::fmt;\n//! too late"));
        assert!(!has_head("// not a head"));
    }

    #[test]
    fn words_in_strings_and_comments_are_not_code() {
        let source =
            Source::read("x.rs", "// unsafe\nconst A: &str = r#\"unsafe todo!()\"#;\nfn b() { todo!() }");
        let source = source.unwrap();
        assert!(!source.words.iter().any(|word| word.text == "unsafe"));
        let todo = source.words.iter().find(|word| word.text == "todo").unwrap();
        assert_eq!((todo.line, todo.calls_macro), (3, true));
    }

    #[test]
    fn attributes_are_found_with_what_is_in_them() {
        let source =
            Source::read("x.rs", "/// Text.\n#[cfg_attr(miri, ignore = \"x\")]\nfn a() {}\n").unwrap();
        assert_eq!(source.attributes.len(), 1);
        assert_eq!(source.attributes[0].line, 2);
        assert_eq!(source.attributes[0].words, ["cfg_attr", "miri", "ignore", "\"x\""]);
    }

    #[test]
    fn what_is_not_rust_is_a_finding_with_its_line() {
        let Err(finding) = Source::read("x.rs", "fn a() {}\nfn b() {\n") else { panic!("was read") };
        assert!(finding.place().starts_with("x.rs:"), "{finding:?}");
    }
}
