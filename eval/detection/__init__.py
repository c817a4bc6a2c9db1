"""How well injected instructions are found, and how seldom something else is taken for one."""
