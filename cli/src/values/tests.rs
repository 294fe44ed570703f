//! Tables and properties of the option values.

use dayfly_jobs::{Cpus, WallTime};
use proptest::prelude::*;

use super::*;

fn parse_bind(text: &str) -> Result<(String, Option<String>, Access), String> {
    let arg = bind(text.into()).map_err(|error| error.to_string())?;
    let target = arg.target.map(|path| path.display().to_string());
    Ok((arg.source.display().to_string(), target, arg.access))
}

#[test]
fn binds_parse_by_the_table() {
    for (text, source, target, access) in [
        ("/data", "/data", None, Access::ReadOnly),
        ("data", "data", None, Access::ReadOnly),
        ("/data:ro", "/data", None, Access::ReadOnly),
        ("/data:rw", "/data", None, Access::Writable),
        ("./a:/b", "./a", Some("/b"), Access::ReadOnly),
        ("/a:/b:ro", "/a", Some("/b"), Access::ReadOnly),
        ("/a:/b:rw", "/a", Some("/b"), Access::Writable),
        ("/a:/b//c/./d/", "/a", Some("/b/c/d"), Access::ReadOnly),
        ("/with:colon:/in", "/with:colon", Some("/in"), Access::ReadOnly),
        ("/ünï:/cödé", "/ünï", Some("/cödé"), Access::ReadOnly),
    ] {
        let expected = (source.to_owned(), target.map(str::to_owned), access);
        assert_eq!(parse_bind(text), Ok(expected), "{text}");
    }
}

#[test]
fn bad_binds_say_why() {
    for (text, why) in [
        ("", "has no source before the ':'"),
        (":rw", "has no source before the ':'"),
        (":/b", "has no source before the ':'"),
        ("/a:b", "has a ':' that is followed neither by an absolute path nor by ro or rw"),
        ("/a:", "has a ':' that is followed neither by an absolute path nor by ro or rw"),
        ("/a:/b:rwx:/c", "has more than one ':/', so it is not clear where the target begins"),
        ("/a:/in:side:rw", "has a ':' in the path inside, where only :ro or :rw may end it"),
        ("/a:/b:wr", "has a ':' in the path inside, where only :ro or :rw may end it"),
        ("/a:/", "the root of the sandbox cannot be replaced by a bind"),
        ("/a:/./", "the root of the sandbox cannot be replaced by a bind"),
        ("/a:/b/../c", "'/b/../c' contains '..'"),
    ] {
        assert_eq!(parse_bind(text), Err(why.to_owned()), "{text}");
    }
}

#[test]
fn paths_need_not_be_text() {
    let arg = bind(os(b"/d\xff:/i\xfe:rw")).unwrap();
    assert_eq!(arg.source, PathBuf::from(os(b"/d\xff")));
    assert_eq!(arg.target, Some(PathBuf::from(os(b"/i\xfe"))));
    assert_eq!(env_var(os(b"K=\xff")).unwrap().value, os(b"\xff"));
    assert_eq!(policy_ref(os(b"./\xff")).unwrap(), PolicyRef::File(PathBuf::from(os(b"./\xff"))));
}

#[test]
fn variables_parse_by_the_table() {
    for (text, key, value) in
        [("A=b", "A", "b"), ("A=", "A", ""), ("A=b=c", "A", "b=c"), ("A= x ", "A", " x ")]
    {
        assert_eq!(env_var(text.into()), Ok(EnvVar { key: key.into(), value: value.into() }), "{text}");
    }
    let error = env_var("PATH".into()).unwrap_err();
    assert_eq!(error.fix, "write PATH=value, or PATH=\"$PATH\" to pass yours on");
    assert!(env_var("=x".into()).is_err());
    assert!(env_var("".into()).is_err());
}

#[test]
fn names_and_files_are_told_apart() {
    assert_eq!(policy_ref("strict".into()), Ok(PolicyRef::Name("strict".into())));
    assert_eq!(policy_ref("strict.toml".into()), Ok(PolicyRef::File("strict.toml".into())));
    assert_eq!(policy_ref("./strict".into()), Ok(PolicyRef::File("./strict".into())));
    assert!(policy_ref("".into()).is_err());
    assert_eq!(root("host".into()), Ok(RootArg::Host));
    assert_eq!(root("./host".into()), Ok(RootArg::Folder("./host".into())));
    assert!(root("".into()).is_err());
}

#[test]
fn networks_that_do_not_exist_are_refused() {
    assert_eq!("none".parse(), Ok(NetworkArg(Network::None)));
    assert_eq!("loopback".parse(), Ok(NetworkArg(Network::Loopback)));
    for text in ["host", "bridge", "internet", "", "None"] {
        assert!(text.parse::<NetworkArg>().is_err(), "{text}");
    }
}

#[test]
fn ceilings_can_be_lifted() {
    assert_eq!("none".parse::<Ceiling<WallTime>>(), Ok(Ceiling::None));
    assert_eq!("2s".parse(), Ok(Ceiling::At(WallTime::secs(2))));
    assert!("0".parse::<Ceiling<Cpus>>().is_err());
    assert!("None".parse::<Ceiling<Cpus>>().is_err());
}

#[test]
fn counts_are_at_least_one() {
    assert_eq!(count::<std::num::NonZeroU32>("1").map(std::num::NonZeroU32::get), Ok(1));
    for text in ["0", "-1", "", "1.5", "4294967296", "x"] {
        assert!(count::<std::num::NonZeroU32>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_targets_stay_below_the_root(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let text = os(&bytes);
        prop_assert!(env_var(text.clone()).is_ok() == bytes.iter().skip(1).any(|&b| b == b'=') && bytes.first() != Some(&b'=')
            || env_var(text.clone()).is_err());
        if let Ok(BindArg { target: Some(target), .. }) = bind(text) {
            prop_assert!(target.is_absolute() && target.components().count() > 1);
            prop_assert!(!target.components().any(|part| part == Component::ParentDir));
        }
    }
}
