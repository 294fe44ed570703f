//! From checked rules to a filter: written by libseccomp, shortened, and checked against the rules.

use std::io::{self, Read};
use std::sync::Once;

use libseccomp::error::SeccompError;
use libseccomp::{ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};

use super::calls::{self, Arch, Number};
use super::error::PolicyError;
use super::filter::Filter;
use super::rule::{Action, Condition, Errno, Rule, Test};
use super::{shorten, verify};

/// Compiles the rules of a policy and checks the result against them, call by call.
///
/// A call that no rule matches fails with ENOSYS. Calls of another architecture or of x32 are handed to the
/// supervisor before any rule is looked at. Calls that `arch` does not have are left out.
pub(crate) fn compile(policy: &str, rules: &[Rule], arch: Arch) -> Result<Filter, PolicyError> {
    let written = write(policy, rules, arch)?;
    let filter = shorten::shorten(&written).map_err(|error| uncompilable(policy, error.to_string()))?;
    verify::verify(policy, rules, arch, &filter)?;
    Ok(filter)
}

/// The filter as libseccomp writes it.
pub(super) fn write(policy: &str, rules: &[Rule], arch: Arch) -> Result<Filter, PolicyError> {
    let context = build(rules, arch).map_err(|error| uncompilable(policy, error.to_string()))?;
    let bytes = export(&context).map_err(|error| uncompilable(policy, error.to_string()))?;
    Filter::from_bytes(&bytes).ok_or_else(|| {
        uncompilable(policy, format!("its filter has {} bytes; the kernel takes 32768", bytes.len()))
    })
}

fn uncompilable(policy: &str, reason: String) -> PolicyError {
    PolicyError::Uncompilable { policy: policy.to_owned(), reason }
}

fn build(rules: &[Rule], arch: Arch) -> Result<ScmpFilterContext, SeccompError> {
    assume_kernel_support();
    let mut context = ScmpFilterContext::new(ScmpAction::Errno(i32::from(Errno::ENOSYS.number())))?;
    context.set_act_badarch(ScmpAction::Notify)?;
    context.set_ctl_optimize(BINARY_TREE)?;
    if !context.is_arch_present(arch.library())? {
        context.add_arch(arch.library())?;
        context.remove_arch(ScmpArch::Native)?;
    }
    for rule in rules {
        add(&mut context, rule, arch)?;
    }
    Ok(context)
}

/// Finds a call's rules by halving instead of one by one.
const BINARY_TREE: u32 = 2;

fn add(context: &mut ScmpFilterContext, rule: &Rule, arch: Arch) -> Result<(), SeccompError> {
    let Number::Is(number) = calls::number(&rule.call, arch) else { return Ok(()) };
    // The library wants the native number even when it compiles for another architecture.
    let call = ScmpSyscall::from_name(&rule.call).unwrap_or_else(|_| ScmpSyscall::from(number));
    let conditions: Vec<ScmpArgCompare> = rule.conditions.iter().map(comparison).collect();
    context.add_rule_conditional(action(rule.action), call, &conditions)?;
    Ok(())
}

fn action(action: Action) -> ScmpAction {
    match action {
        Action::Allow => ScmpAction::Allow,
        Action::Deny(errno) => ScmpAction::Errno(i32::from(errno.number())),
        Action::Forbid => ScmpAction::Notify,
    }
}

fn comparison(condition: &Condition) -> ScmpArgCompare {
    let Test { mask, value } = condition.test;
    let op = if mask == u64::MAX { ScmpCompareOp::Equal } else { ScmpCompareOp::MaskedEqual(mask) };
    ScmpArgCompare::new(u32::from(condition.argument), op, value)
}

/// The library would ask the running kernel which actions it has and refuse to write the others. A filter
/// is often compiled on one machine for another, and the sandbox checks the kernel it runs on itself.
fn assume_kernel_support() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Level 6 is what libseccomp 2.5 knows. An older library fails here and again, with a reason,
        // when the first action it lacks is set.
        let _unsupported = libseccomp::set_api(6);
    });
}

/// The library can write a program only to a descriptor; a pipe needs no file system.
fn export(context: &ScmpFilterContext) -> io::Result<Vec<u8>> {
    let (mut reader, writer) = io::pipe()?;
    std::thread::scope(|scope| {
        let collector = scope.spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        });
        let written = context.export_bpf(&writer);
        drop(writer);
        let bytes = collector.join().map_err(|_| io::Error::other("the thread that reads it panicked"))??;
        written.map_err(io::Error::other)?;
        Ok(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Definition;
    use super::*;
    use crate::Catalog;

    #[test]
    fn built_in_policies_compile_faithfully_for_every_architecture() {
        for name in Catalog::builtin().names() {
            let policy = Catalog::builtin().get(name).unwrap();
            for arch in Arch::ALL {
                let filter = compile(name, policy.rules().unwrap(), arch).unwrap();
                assert_eq!(filter == *policy.filter(), arch == Arch::NATIVE, "{name} {}", arch.name());
            }
        }
    }

    #[test]
    fn a_filter_that_differs_from_its_rules_is_refused() {
        let text = include_str!("../../profiles/strict.toml");
        let rules = Definition::parse(text, "strict").unwrap().rules().unwrap();
        let filter = compile("strict", &rules, Arch::NATIVE).unwrap();
        for i in (0..rules.len()).step_by(5) {
            let mut others = rules.clone();
            others[i].action = match rules[i].action {
                Action::Allow | Action::Deny(_) => Action::Forbid,
                Action::Forbid => Action::Allow,
            };
            if matches!(calls::number(&rules[i].call, Arch::NATIVE), Number::Is(_)) {
                let verdict = verify::verify("strict", &others, Arch::NATIVE, &filter);
                let error = verdict.expect_err(&rules[i].place.to_string());
                assert!(error.to_string().contains(&format!("for {}", rules[i].call)), "{error}");
            }
        }
    }

    #[test]
    fn a_filter_that_allows_what_no_rule_names_is_refused() {
        let text = include_str!("../../profiles/strict.toml");
        let rules = Definition::parse(text, "strict").unwrap().rules().unwrap();
        let filter = compile("strict", &rules, Arch::NATIVE).unwrap();
        let without =
            |call: &str| rules.iter().filter(|rule| *rule.call != *call).cloned().collect::<Vec<_>>();
        for call in ["read", "ptrace", "sendmsg", "fcntl", "clone"] {
            let error = verify::verify("strict", &without(call), Arch::NATIVE, &filter).unwrap_err();
            assert!(error.to_string().contains(&format!("for {call} the rules say")), "{error}");
        }
    }
}
