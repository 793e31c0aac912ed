//! Finds names in an expression that mean nothing. Evaluation would merely fail on them, so that
//! a typing mistake would look like a filter that nothing matches.

use cel::{
    Context, ExecutionError, IdedExpr, Program,
    common::ast::{EntryExpr, Expr},
};

/// The first variable, function or type that exists neither in CEL nor among `variables`.
pub(super) fn unknown_name(expression: &IdedExpr, variables: &[&str]) -> Option<String> {
    let mut scope: Vec<&str> = variables.to_vec();
    unknown_in(expression, &mut scope)
}

fn unknown_in<'e>(expression: &'e IdedExpr, scope: &mut Vec<&'e str>) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => {
            let is_known = scope.contains(&name.as_str()) || exists(name);
            (!is_known).then(|| name.clone())
        }
        Expr::Call(call) if !is_function(&call.func_name) => Some(call.func_name.clone()),
        Expr::Call(call) => {
            let target = call.target.as_deref();
            target.into_iter().chain(&call.args).find_map(|part| unknown_in(part, scope))
        }
        Expr::Comprehension(comprehension) => {
            let outer = scope.len();
            let ranges = [&comprehension.iter_range, &comprehension.accu_init];
            let unknown = ranges.into_iter().find_map(|part| unknown_in(part, scope));
            scope.extend(comprehension.iter_var2.as_deref());
            scope.extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
            let steps = [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result];
            let unknown =
                unknown.or_else(|| steps.into_iter().find_map(|part| unknown_in(part, scope)));
            scope.truncate(outer);
            unknown
        }
        Expr::List(list) => list.elements.iter().find_map(|part| unknown_in(part, scope)),
        Expr::Map(map) => map.entries.iter().find_map(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                unknown_in(&entry.key, scope).or_else(|| unknown_in(&entry.value, scope))
            }
            EntryExpr::StructField(field) => unknown_in(&field.value, scope),
        }),
        Expr::Select(select) => unknown_in(&select.operand, scope),
        // There are no message types here.
        Expr::Struct(message) => Some(message.type_name.clone()),
        Expr::Literal(_) | Expr::Unspecified => None,
    }
}

/// Operators and what macros expand to have names that nobody can type.
fn is_function(name: &str) -> bool {
    let can_be_typed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    !can_be_typed || exists(&format!("{name}()")) || exists(&format!("''.{name}()"))
}

/// Whether CEL's standard environment can make anything of this, be it only another error.
fn exists(text: &str) -> bool {
    Program::compile(text).is_ok_and(|program| {
        let outcome = program.execute(&Context::default());
        !matches!(outcome, Err(ExecutionError::UndeclaredReference(_)))
    })
}
