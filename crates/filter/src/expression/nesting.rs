//! How deep an expression is. Evaluating recurs, and so does dropping.

use cel::{
    IdedExpr,
    common::ast::{EntryExpr, Expr},
};

/// Whether the expression has more than `left` levels. Goes no deeper itself.
pub(super) fn is_deeper(expression: &IdedExpr, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else {
        return true;
    };
    let any = |parts: &[&IdedExpr]| parts.iter().any(|part| is_deeper(part, left));
    match &expression.expr {
        Expr::Call(call) => {
            let target = call.target.as_deref();
            target.into_iter().chain(&call.args).any(|part| is_deeper(part, left))
        }
        Expr::Comprehension(comprehension) => any(&[
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ]),
        Expr::List(list) => list.elements.iter().any(|part| is_deeper(part, left)),
        Expr::Map(map) => map.entries.iter().any(|entry| is_entry_deeper(&entry.expr, left)),
        Expr::Struct(message) => {
            message.entries.iter().any(|entry| is_entry_deeper(&entry.expr, left))
        }
        Expr::Select(select) => is_deeper(&select.operand, left),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => false,
    }
}

fn is_entry_deeper(entry: &EntryExpr, left: usize) -> bool {
    match entry {
        EntryExpr::MapEntry(entry) => is_deeper(&entry.key, left) || is_deeper(&entry.value, left),
        EntryExpr::StructField(field) => is_deeper(&field.value, left),
    }
}
