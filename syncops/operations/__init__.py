"""Operations: one verb, one file, one function, one frozen Result.

The rule: an operation prints nothing and asks nothing; an exception means that it could not be done, a Result
says how it went.
"""
