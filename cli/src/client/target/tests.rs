//! Which of several servers and tokens is taken.

use super::*;

fn found() -> Option<Discovered> {
    Some(Discovered { url: "http://127.0.0.1:7410".into(), token: "dfy_local".into() })
}

fn chosen(
    args: &ServerArgs,
    variables: &Variables,
    config: &ClientConfig,
    discovered: Option<Discovered>,
) -> Result<(String, String), String> {
    let target = Target::choose(args, variables, config, discovered);
    target.map(|target| (target.server.to_string(), target.token.0)).map_err(|error| error.to_string())
}

fn pair(server: &str, token: &str) -> Result<(String, String), String> {
    Ok((server.to_owned(), token.to_owned()))
}

#[test]
fn a_local_scheduler_is_found_without_a_word() {
    let (args, variables, config) = Default::default();
    assert_eq!(chosen(&args, &variables, &config, found()), pair("http://127.0.0.1:7410/", "dfy_local"));
    let nobody = chosen(&args, &variables, &config, None);
    assert_eq!(nobody, Err("no scheduler is known here".to_owned()));
}

#[test]
fn options_come_before_variables_and_those_before_the_configuration() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "dfy_file\n").unwrap();
    let config = ClientConfig {
        server: Some("https://c.example".into()),
        token_file: Some(file.path().to_owned()),
        plain_http: None,
    };
    let variables =
        Variables { server: Some("https://v.example".into()), token: Some(Token("dfy_v".into())) };
    let args =
        ServerArgs { server: Some("https://a.example".into()), token_file: Some(file.path().to_owned()) };
    let (no_args, no_variables) = Default::default();
    assert_eq!(chosen(&args, &variables, &config, found()), pair("https://a.example/", "dfy_file"));
    assert_eq!(chosen(&no_args, &variables, &config, found()), pair("https://v.example/", "dfy_v"));
    assert_eq!(chosen(&no_args, &no_variables, &config, found()), pair("https://c.example/", "dfy_file"));
}

#[test]
fn the_local_token_goes_to_nobody_else() {
    let args = ServerArgs { server: Some("https://evil.example".into()), token_file: None };
    let (variables, config) = Default::default();
    let refused = chosen(&args, &variables, &config, found()).unwrap_err();
    assert_eq!(refused, "no token for https://evil.example/ is known here");
}

#[test]
fn a_token_does_not_travel_in_the_clear_unasked() {
    let variables =
        Variables { server: Some("http://far.example".into()), token: Some(Token("dfy_v".into())) };
    let (args, config) = Default::default();
    assert!(chosen(&args, &variables, &config, None).unwrap_err().contains("unencrypted"));
    let allowed = ClientConfig { plain_http: Some(true), ..config };
    assert!(chosen(&args, &variables, &allowed, None).is_ok());
    for local in ["http://localhost:1", "http://127.3.2.1", "http://[::1]:80"] {
        assert!(is_protected(&address(local).unwrap()), "{local}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in ["127.0.0.1:80", "ftp://x", "http://", "http://me:pw@x", "x y"] {
        assert!(address(text).is_err(), "{text}");
    }
    assert_eq!(format!("{:?}", Token("dfy_secret".into())), "Token(…)");
}
