//! What an expression demands of a member, whatever else it says.

use cel::{
    IdedExpr,
    common::ast::{Expr, LiteralValue, operators},
};

/// A member of the data that has to be a text, and the text: the first `data.member == 'text'`
/// that the expression is, or that is one of what stands between its `&&`.
pub(super) fn demand(expression: &IdedExpr) -> Option<(&str, &str)> {
    let Expr::Call(call) = &expression.expr else { return None };
    let [left, right] = call.args.as_slice() else { return None };
    match call.func_name.as_str() {
        operators::LOGICAL_AND => demand(left).or_else(|| demand(right)),
        operators::EQUALS => {
            let either = |one, other| member(one).zip(text(other));
            either(left, right).or_else(|| either(right, left))
        }
        _ => None,
    }
}

fn member(expression: &IdedExpr) -> Option<&str> {
    let Expr::Select(select) = &expression.expr else { return None };
    let is_of_data = matches!(&select.operand.expr, Expr::Ident(name) if name == "data");
    // With a dot it would be a path elsewhere.
    let is_plain = is_of_data && !select.test && !select.field.contains('.');
    is_plain.then_some(select.field.as_str())
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
