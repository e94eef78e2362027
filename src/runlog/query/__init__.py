"""The search language: filter and order_by text, and what it means.

    clauses       what can be searched for, as frozen values
    parser        text to clauses
    render        clauses back to text
    evaluate      the meaning of clauses in plain Python, which the search of every store equals
    page_token    where a page of results ended, and of which search it is

The grammar is MLflow's, and more of it: `docs/query.md` is the language for its users. Logic is
SQL's, of three values: a comparison with a field that is missing is neither true nor false.
"""
