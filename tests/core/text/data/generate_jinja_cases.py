#!/usr/bin/env python3
"""Writes jinja_cases.json: snippets of the template language with what Jinja2 makes of them.

Needs jinja2 3.1.6; the environment is configured as transformers does it for chat templates. Run it in this folder."""

import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

CONTEXT = {
    "messages": [
        {"role": "system", "content": "You are  helpful.\n"},
        {"role": "user", "content": " Hi <b>there</b> & 'you' "},
        {"role": "assistant", "content": "yo", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1, "b": [True, None]}}}]},
        {"role": "user", "content": "bye"},
    ],
    "n": 5, "z": 0, "f": 2.5, "neg": -7, "big": 12345678901234567890, "tiny": 1e-07, "huge": 1e300,
    "s": "  Hello World  ", "e": "", "u": "héllo wörld ß 你好 😀", "greek": "ΟΔΟΣ ΑΣ Σ", "ml": "l1\nl2\r\n\nl3\n", "para": "the quick brown fox jumps over the lazy dog",
    "hy": "a well-known state-of-the-art thing--or two -- e-mail x-y",
    "t": True, "fa": False, "no": None, "lst": [3, 1, 2], "words": ["b", "a", "C"], "mixed": [1, "a", None, 2.5, True],
    "d": {"b": 2, "a": 1, "c": {"k": [1, {"m": "v"}]}}, "items_dict": {"items": 1, "keys": 2, "get": 3}, "nested": [[1, 2], [3], []],
    "people": [{"name": "Bob", "age": 3, "city": {"n": "X"}}, {"name": "al", "age": 1, "city": {"n": "Y"}}, {"name": "Cy", "age": 3, "city": {"n": "x"}}],
    "html": "<a href=\"x\">&'</a>", "tree": [{"v": 1, "k": [{"v": 2, "k": []}, {"v": 3, "k": [{"v": 4, "k": []}]}]}, {"v": 5, "k": []}],
    "bos_token": "<s>", "add_generation_prompt": True,
}

SNIPPETS = r"""
# numbers and their printing
{{ 1e15 }}|{{ 1e16 }}|{{ 123456789012345680.0 }}|{{ 0.0001 }}|{{ 0.00001 }}|{{ 1.5e-10 }}|{{ -0.0 }}|{{ 1e308 * 10 }}|{{ 5e-324 }}
{{ 0.1 * 3 }}|{{ 1/3 }}|{{ 2/3 }}|{{ 1e22 }}|{{ 1e21 + 1 }}|{{ 100.0 }}|{{ 1.10 }}|{{ tiny }}|{{ huge }}
{{ 7 // 2 }}|{{ -7 // 2 }}|{{ 7 // -2 }}|{{ 7 % -3 }}|{{ -7 % 3 }}|{{ 7.5 // 2 }}|{{ -7.5 // 2 }}|{{ 7.5 % -2 }}|{{ -7.5 % 2 }}|{{ 0.0 // 1 }}
{{ 2 ** 3 ** 2 }}|{{ 2 ** 63 }}|{{ 2 ** 64 - 1 }}|{{ (-2) ** 3 }}|{{ 2 ** -2 }}|{{ 10 ** 20 // 7 }}|{{ 10 ** 20 % 7 }}|{{ -(10 ** 20) // 7 }}
{{ 9223372036854775807 + 1 }}|{{ -9223372036854775807 - 2 }}|{{ 3037000500 * 3037000500 }}|{{ big * big }}|{{ big - big }}|{{ big // 10 }}|{{ -big }}
{{ 0x1F }}|{{ 0b101 }}|{{ 0o17 }}|{{ 1_000_000 }}|{{ 0xdead_beef }}|{{ 00 }}|{{ 1.0e3 }}|{{ 1E5 }}|{{ 1_0.5 }}
{{ true + 1 }}|{{ true * 3 }}|{{ false - 1 }}|{{ true / 2 }}|{{ -true }}|{{ +true }}|{{ true == 1 }}|{{ 1.0 == 1 }}|{{ 1 == '1' }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 1.0 % 0 }}
{{ 0 ** -1 }}
{{ 'a' - 1 }}
{{ 1 + 'a' }}
{{ [] + 1 }}
{{ none + 1 }}
{{ 'a' * 'b' }}
{{ 'a' * 1.5 }}
{{ 3 * 'ab' }}|{{ [1] * 2 }}|{{ 2 * (1, 2) }}|{{ 'x' * -1 }}|{{ 'x' * 0 }}
{{ -'a' }}
{{ +'a' }}
{{ 10 / 4 }}|{{ 10 / 5 }}|{{ 2 ** 0.5 }}|{{ 4 ** 0.5 }}|{{ 1e3 // 7 }}|{{ 5 - 3 - 1 }}|{{ 2 + 3 * 4 - 1 }}|{{ (2 + 3) * 4 }}
{{ 1 < 2 }}|{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}|{{ 3 > 2 >= 2 }}|{{ 1 == 1 != 2 }}|{{ 2 in [1, 2] == true }}
{{ big > 1e19 }}|{{ big == 12345678901234567890 }}|{{ big < 2 ** 64 }}|{{ 2 ** 53 == 2.0 ** 53 }}|{{ 2 ** 53 + 1 == 2.0 ** 53 }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ [1] < ['a'] }}
{{ {} < {} }}
{{ 'a' <= 'b' }}|{{ 'B' < 'a' }}|{{ 'é' > 'z' }}|{{ [1, 2] < [1, 3] }}|{{ [1] < [1, 0] }}|{{ (1, 2) >= (1, 2) }}|{{ [] < [0] }}
{{ [1, 2] == (1, 2) }}|{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}|{{ [1.0] == [1] }}|{{ none == none }}|{{ none == false }}|{{ '' == false }}
# logic
{{ 0 or '' or 'x' }}|{{ 1 and 0 and 2 }}|{{ not '' }}|{{ not [] }}|{{ not {} }}|{{ not 0.0 }}|{{ none or undefined_thing or 'last' }}|{{ [] and 1 }}
{{ 'yes' if undefined_thing else 'no' }}|{{ 1 if 0 else 2 if 0 else 3 }}|{{ (1 if 0) is defined }}|[{{ 1 if 0 }}]
{{ not not 1 }}|{{ not 1 == 2 }}|{{ not (1 and 0) }}|{{ 1 if true and not false else 0 }}
{{ (1 if false) + 1 }}
{{ 1 in 'a1' }}
{{ '1' in 'a1' }}|{{ '' in 'abc' }}|{{ 2 in lst }}|{{ 9 not in lst }}|{{ 'a' in d }}|{{ 'v' in d }}|{{ none in mixed }}|{{ 'x' in undefined_thing }}
{{ 1 in 5 }}
{{ undefined_thing in 'abc' }}
{{ [1] in [[1], 2] }}|{{ (1, 2) in {(1, 2): 3} }}|{{ 3 in range(5) }}|{{ 5 in range(5) }}|{{ 'b' in d.keys() }}|{{ 2 in d.values() }}|{{ ('a', 1) in d.items() }}
{{ [] in {} }}
# undefined
[{{ nope }}]|[{{ d.nope }}]|[{{ d['nope'] }}]|[{{ lst[10] }}]|[{{ lst['x'] }}]|[{{ s.nope }}]|[{{ n.nope }}]|[{{ none.nope }}]
{{ nope.x }}
{{ nope['x'] }}
{{ nope() }}
{{ d.nope.x }}
{{ d.nope['x'] }}
{{ d.nope() }}
{{ lst[10].x }}
{{ lst[-10].x }}
{{ lst['a'].x }}
{{ lst[1.5].x }}
{{ lst[none].x }}
{{ none.x.y }}
{{ none['x'].y }}
{{ n.x.y }}
{{ f.x.y }}
{{ s.x.y }}
{{ t.x.y }}
{{ (1, 2).x.y }}
{{ range(3).x.y }}
{{ messages[0].foo.bar }}
{{ nope + 1 }}
{{ 1 + nope }}
{{ nope ~ 'x' }}|{{ 'x' ~ nope }}|{{ nope == nope2 }}|{{ nope == none }}|{{ nope != 1 }}
{{ nope < 1 }}
{{ 1 < nope }}
{{ -nope }}
{{ nope * 2 }}
{{ 'a' * nope }}
{{ nope % 2 }}
{{ 'a%s' % nope }}|{{ '%s' % (nope,) }}
{{ '%d' % nope }}
{{ nope | length }}|{{ nope | list }}|{{ nope | upper }}|{{ nope | default('d') }}|{{ nope | first is defined }}|{{ nope | join(',') }}|{{ nope | string }}
{{ nope | int }}
{{ nope | abs }}
{{ nope | round }}
{{ nope | tojson }}
{{ nope | dictsort }}
{{ nope | sort }}|{{ nope | map('upper') | list }}|{{ nope | sum }}|{{ nope | reverse | list }}
{{ nope | last }}|{{ nope | unique | list }}|{{ nope | select | list }}|{{ nope | min }}|{{ nope | items | list }}|{{ nope | trim }}
{% for x in nope %}x{% else %}none{% endfor %}
{{ [nope] }}|{{ {'a': nope} }}|{{ (nope,) }}
{{ nope[1:] }}
{{ nope is defined }}|{{ nope is undefined }}|{{ nope.x is defined }}
{{ d.nope is defined }}|{{ d.c.k[1].m is defined }}|{{ d.c.k[7] is defined }}|{{ d['c'].q is undefined }}
{{ nope is none }}|{{ nope is string }}|{{ nope is iterable }}|{{ nope is sequence }}|{{ nope is mapping }}|{{ nope is callable }}|{{ nope is number }}
{{ nope is odd }}
{% if nope %}a{% elif not nope %}b{% endif %}
{% set x = nope %}{{ x }}|{{ x is defined }}
{% set x = nope %}{{ x.y }}
# attributes, subscripts, slices
{{ d.a }}|{{ d['a'] }}|{{ d.c.k[1]['m'] }}|{{ d['c']['k'][0] }}|{{ d.get('zz') }}|{{ d.get('zz', 9) }}|{{ d.get('a', 9) }}|{{ messages[-1].content }}
{{ items_dict['items'] }}|{{ items_dict.items() | list }}|{{ items_dict['get'] }}|{{ items_dict.get('keys') }}
{{ lst.0 }}|{{ lst.2 }}|{{ nested.0.1 }}
{{ lst[true] }}|{{ lst[false] }}|{{ {1: 'a'}[1.0] }}|{{ {1: 'a'}[true] }}|{{ {none: 2}[none] }}|{{ {(1, 2): 3}[1, 2] }}|{{ {'a': 1, 'a': 2} }}
{{ {[]: 1} }}
{{ {{}: 1} }}
{{ 'abc'[0] }}|{{ 'abc'[-1] }}|{{ u[1] }}|{{ u[-1] }}|{{ u[1:4] }}|{{ u[::-1] }}|{{ u[-3:] }}|{{ 'abc'[5] is defined }}|{{ 'abc'[1:100] }}
{{ lst[1:] }}|{{ lst[:-1] }}|{{ lst[::-1] }}|{{ lst[::2] }}|{{ lst[-2:] }}|{{ lst[5:] }}|{{ lst[2:0] }}|{{ lst[2:0:-1] }}|{{ lst[:] }}|{{ (1, 2, 3)[1:] }}|{{ lst[none:2] }}
{{ 'abcdef'[4:1:-1] }}|{{ 'abcdef'[-100:2] }}|{{ 'abcdef'[1::2] }}|{{ range(10)[2:8:3] }}|{{ range(10)[::-1] | list }}|{{ range(3)[1] }}|{{ range(3)[-1] }}
{{ lst[::0] }}
{{ lst['a':] }}
{{ d[1:] }}
{{ no[1:] }}
{{ n[1:] }}
{{ 'a'.__class__ }}|{{ [].__len__ }}|{{ d.__init__ }}|{{ (1).__add__ }}
{{ 'a'.__class__.__base__ }}
{{ 'a'._private.x }}
{{ d._private.x }}
{{ {'_p': 1}._p }}|{{ {'__q': 2}['__q'] }}|{{ {'_p': 1}['_p'] }}
{{ [].append }}|{{ lst['append'] }}
{{ lst.append(1) }}
{{ lst.sort() }}
{{ lst.extend([1]) }}
{{ lst.insert(0, 1) }}
{{ lst.pop() }}
{{ lst.clear() }}
{{ d.update({'x': 1}) }}
{{ d.setdefault('x', 1) }}
{{ d.pop('a') }}
{{ d.popitem() }}
{{ d.clear() }}
{{ n.bit_length() }}|{{ f.is_integer() }}|{{ (2.0).is_integer() }}|{{ n.real }}|{{ n.imag }}|{{ n.numerator }}
{{ 'a'.format.__globals__ }}
{{ raise_exception.__globals__ }}
{{ lst.index(1) }}|{{ lst.count(3) }}|{{ lst.copy() }}|{{ (1, 2, 1).count(1) }}|{{ (1, 2).index(2) }}|{{ d.copy() }}|{{ d.keys() }}|{{ d.values() }}|{{ {'a': 1}.items() }}
{{ lst.index(99) }}
{{ d.keys() | list }}|{{ d.keys() | length }}|{{ d.items() | first }}|{{ d.values() | first }}
{{ d.keys()[0].x }}
{{ n() }}
{{ s() }}
{{ d() }}
{{ none() }}
{{ 'a'.upper.x }}
{{ 'a'.nope() }}
{{ lst | attr('nope') is defined }}|{{ d | attr('a') is defined }}|{{ 'x' | attr('upper') is callable }}
{{ ('x' | attr('upper'))() }}
{{ 'x' | attr('__class__') }}|{{ {'a': 1} | attr('items') is callable }}
# str methods
{{ 'a,b,,c'.split(',') }}|{{ 'a,b,,c'.split(',', 2) }}|{{ ' a  b '.split() }}|{{ ' a  b c '.split(none, 1) }}|{{ ''.split() }}|{{ ''.split(',') }}|{{ 'aXXbXXc'.split('XX') }}|{{ 'a b c'.split(maxsplit=1) }}|{{ 'a-b'.split(sep='-') }}
{{ 'a,b,c'.rsplit(',', 1) }}|{{ ' a b  c '.rsplit(none, 1) }}|{{ 'abc'.rsplit('x') }}|{{ 'a b c'.rsplit() }}|{{ 'aaa'.rsplit('aa') }}|{{ 'aaa'.split('aa') }}
{{ 'a'.split('') }}
{{ 'a'.split(1) }}
{{ ml.splitlines() }}|{{ ml.splitlines(true) }}|{{ ''.splitlines() }}|{{ '\n'.splitlines() }}|{{ 'a\x0bb\x0cc\x1cd\u2028e\x85f'.splitlines() }}
{{ 'a=b=c'.partition('=') }}|{{ 'a=b=c'.rpartition('=') }}|{{ 'abc'.partition('=') }}|{{ 'abc'.rpartition('=') }}
{{ '  x '.strip() ~ '|' ~ '  x '.lstrip() ~ '|' ~ '  x '.rstrip() }}|{{ 'xyxax'.strip('xy') }}|{{ '\u3000a\u00a0'.strip() }}|{{ 'éaé'.strip('é') }}|{{ 'abc'.strip('') }}|{{ 'aba'.lstrip('a') }}|{{ 'aba'.rstrip('a') }}|{{ ' a '.strip(none) }}
{{ 'a'.strip(1) }}
{{ 'abc'.startswith('a') }}|{{ 'abc'.startswith(('x', 'ab')) }}|{{ 'abc'.startswith('b', 1) }}|{{ 'abc'.endswith('c') }}|{{ 'abc'.endswith('b', 0, 2) }}|{{ 'abc'.startswith('') }}|{{ 'abc'.startswith('', 9) }}|{{ 'abc'.endswith(()) }}
{{ 'abc'.startswith(1) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.endswith((1,)) }}
{{ 'abcabc'.find('c') }}|{{ 'abcabc'.find('c', 3) }}|{{ 'abcabc'.rfind('b') }}|{{ 'abc'.find('x') }}|{{ u.find('你') }}|{{ 'abc'.find('') }}|{{ 'abc'.find('', 9) }}|{{ 'abcabc'.rfind('a', 0, -3) }}
{{ 'abc'.index('x') }}
{{ 'abc'.rindex('c') }}|{{ 'aXbXc'.count('X') }}|{{ 'aaa'.count('aa') }}|{{ 'abc'.count('') }}|{{ 'abcabc'.count('a', 1) }}
{{ 'aXbX'.replace('X', '--') }}|{{ 'aXbX'.replace('X', '', 1) }}|{{ 'abc'.replace('', '-') }}|{{ 'abc'.replace('', '-', 2) }}|{{ ''.replace('', 'x') }}|{{ 'é'.replace('é', 'e') }}|{{ 'aaa'.replace('aa', 'b') }}
{{ 'a'.replace('a') }}
{{ 'a'.replace('a', 1) }}
{{ 'hello wORLD'.title() }}|{{ "they're bill's".title() }}|{{ 'hello wORLD'.capitalize() }}|{{ 'HeLLo ß'.swapcase() }}|{{ 'ß'.upper() }}|{{ 'ŉ ǰ ﬁ'.upper() }}|{{ 'İ'.lower() | length }}|{{ 'ßx'.capitalize() }}|{{ 'ﬁx'.title() }}|{{ greek.lower() }}|{{ 'Straße'.casefold() }}|{{ 'ǆ'.title() }}|{{ 'Σ'.lower() }}|{{ "Σ'".lower() }}|{{ "AΣ'B".lower() }}
{{ 'abc'.center(7) }}|{{ 'abc'.center(8, '*') }}|{{ 'ab'.center(5, '-') }}|{{ 'abc'.ljust(5) }}|{{ 'abc'.rjust(5, '0') }}|{{ '42'.zfill(5) }}|{{ '-42'.zfill(5) }}|{{ '+4'.zfill(4) }}|{{ 'abc'.zfill(2) }}|{{ 'é'.ljust(3, '你') }}
{{ 'a'.center(5, 'xx') }}
{{ 'a'.center('x') }}
{{ 'a\tb\tc'.expandtabs() }}|{{ 'a\tb'.expandtabs(4) }}|{{ 'ab\ncd\te'.expandtabs(3) }}
{{ '-'.join(['a', 'b']) }}|{{ ''.join('abc') }}|{{ ', '.join(d) }}|{{ '-'.join([]) }}|{{ '-'.join(words | map('upper')) }}
{{ '-'.join([1]) }}
{{ '-'.join(1) }}
{{ '123'.isdigit() }}|{{ '²'.isdigit() }}|{{ '²'.isdecimal() }}|{{ '½'.isnumeric() }}|{{ '½'.isdigit() }}|{{ 'abc'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ''.isalpha() }}|{{ ' \t'.isspace() }}|{{ 'Abc'.istitle() }}|{{ 'abc'.islower() }}|{{ 'ABC1'.isupper() }}|{{ '1'.isupper() }}|{{ 'a b'.isidentifier() }}|{{ 'a_1'.isidentifier() }}|{{ 'é'.isascii() }}|{{ ''.isascii() }}|{{ 'a\n'.isprintable() }}|{{ '你'.isalpha() }}|{{ '٣'.isdecimal() }}
{{ 'prefix-x'.removeprefix('prefix-') }}|{{ 'x.py'.removesuffix('.py') }}|{{ 'x'.removesuffix('') }}|{{ 'abc'.removeprefix('x') }}
{{ 'abc'.translate({97: 'X', 98: none}) }}|{{ 'abc'.translate('a'.maketrans('ab', 'xy')) }}|{{ u.encode() | length }}|{{ 'é'.encode('utf-8') }}|{{ 'a'.encode().decode() }}
{{ 'a'.strip('x', 'y') }}
{{ 'a'.upper(1) }}
# formatting
{{ '%s %r %d %i %5d|%-5d|%05d|%+d|% d' % ('a', 'b', 1, 2, 3, 4, 5, 6, 7) }}
{{ '%x %X %#x %o %#o %c %c' % (255, 255, 255, 8, 8, 65, 'b') }}|{{ '%e %.2e %g %G %f %.0f %5.1f|%-8.2f|%08.2f' % (1234.5, 1234.5, 0.00001, 1e20, 1.5, 2.5, 3.14159, 2.0, -2.5) }}
{{ '%%' % () }}|{{ '%s' % 'x' }}|{{ '%s' % [1, 2] }}|{{ '%s' % {'a': 1} }}|{{ '%(a)s-%(b)05d' % {'a': 'x', 'b': 42} }}|{{ '%.3s' % 'abcdef' }}|{{ '%10.2s|' % 'abc' }}|{{ '%*d' % (5, 3) }}|{{ '%s' % none }}|{{ '%d' % 3.9 }}|{{ '%s' % 1.0 }}
{{ '%s %s' % 'a' }}
{{ '%s' % ('a', 'b') }}
{{ '%d' % 'a' }}
{{ '%q' % 1 }}
{{ '%' % 1 }}
{{ '%(x)s' % {'a': 1} }}
{{ '%(x)s' % 1 }}
{{ 'plain' % {'a': 1} }}|{{ 'plain' % [] }}
{{ 'plain' % 1 }}
{{ '%5s|%-5s|%5s' % ('ab', 'cd', '你好') }}|{{ '%x' % -255 }}|{{ '%.5d' % 42 }}|{{ '%+.1f' % 2.25 }}|{{ '%.10g' % 0.1 }}|{{ '%g' % 100000.0 }}|{{ '%g' % 1000000.0 }}
{{ '{} {}'.format('a', 1) }}|{{ '{1} {0}'.format('a', 'b') }}|{{ '{x} {y}'.format(x=1, y=none) }}|{{ '{{}} {}'.format(1) }}|{{ '{0.a} {0[b]}'.format(d) }}|{{ '{0[0]}'.format(lst) }}|{{ '{!r} {!s}'.format('a', 'b') }}
{{ '{:5}|{:<5}|{:>5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd', 'e') }}|{{ '{:5}|{:<5}|{:05}|{:+}|{:,}|{:_}'.format(1, 2, 3, 4, 1234567, 1234567) }}
{{ '{:.2f} {:8.3f} {:e} {:g} {:%} {:.0%} {:,.2f}'.format(3.14159, 2.5, 1234.5, 0.0001, 0.25, 0.5, 1234567.891) }}|{{ '{:x} {:#x} {:b} {:#b} {:o} {:X} {:c}'.format(255, 255, 5, 5, 8, 255, 65) }}
{{ '{:.3}'.format('abcdef') }}|{{ '{:{}}'.format('a', 4) }}|{{ '{:{w}.{p}f}'.format(2.0, w=8, p=3) }}|{{ '{}'.format(1.0) }}|{{ '{:.3}'.format(3.14159) }}|{{ '{:10}|'.format(1.5) }}|{{ '{:010.2f}'.format(-3.14159) }}|{{ '{:,}'.format(1234.5) }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:s}'.format(1) }}
{{ '{:5}'.format(none) }}
{{ '{0} {}'.format(1, 2) }}
{{ '{a.__class__}'.format(a=1) }}
{{ '{a.__class__.__mro__}'.format(a=1) }}
{{ '{0:>{1}}'.format('x', 3) }}|{{ '{a}'.format_map({'a': 5}) }}|{{ '{:=+6}'.format(5) }}|{{ '{:<06}'.format(5) }}
{{ '%s, %s!' | format('a', 'b') }}|{{ '%(x)s' | format(x=3) }}|{{ 'x' | format }}
{{ '%s' | format('a', x=1) }}
# repr
{{ ['a', "b'c", 'd"e', 'f\'"g', 'h\\i', 'j\nk\tl\rm', '\x00\x1f\x7f', 'é你😀', '\u200b', '\xa0', '\xad'] }}
{{ [1.0, -0.0, 1e100, true, none, (), (1,), {}, {'a': (1, 2)}, []] }}|{{ {1: 'a', none: 2, true: 3, 1.5: 4, (1, 'x'): 5} }}
{{ [d.keys(), d.values(), range(3), range(1, 5, 2)] }}|{{ namespace(a=1) }}|{{ [namespace(a='x')] }}|{{ ['a' | safe] }}|{{ ['<' | e] }}
{{ (1, 2) }}|{{ (1,) }}|{{ () }}|{{ 1, 2 }}|{{ 'é'.encode('utf-8') }}|{{ ["a'b".encode()] }}
{{ dict(a=1, b='x') }}|{{ dict([['k', 1], ('l', 2)]) }}|{{ dict({'a': 1}, a=2) }}|{{ dict(d, z=9) | length }}|{{ dict() }}|{{ dict.fromkeys(['a', 'b'], 0) }}
{{ dict(1) }}
{{ dict([1]) }}
{{ dict([[1, 2, 3]]) }}
{{ dict({}, {}) }}
# set and scope
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}
{% for i in [1, 2] %}{% set y = i %}{% endfor %}[{{ y }}]|[{{ i }}]
{% for i in [1, 2, 3] %}{{ acc }}{% set acc = i %}{% endfor %}
{% set x = 5 %}{% for i in [1, 2] %}{{ x }}{% set x = x + 1 %}{{ x }};{% endfor %}{{ x }}
{% for n in lst %}{{ n }}{% endfor %}{{ n }}
{% set n %}{{ n }}b{% endset %}[{{ n }}]
{% for i in [1] %}[{{ n }}]{% endfor %}{% set n = 9 %}{{ n }}
{% if false %}{% set n = 9 %}{% endif %}{{ n }}
{% if false %}{% set q = 9 %}{% endif %}[{{ q }}]
{% for i in [1] %}{% if false %}{% set n = 9 %}{% endif %}{{ n }}{% endfor %}
{% for i in [1, 2] %}{% if loop.first %}{% set k = 'first' %}{% endif %}[{{ k }}]{% endfor %}
{% macro m() %}[{{ n }}]{% endmacro %}{% set n = 9 %}{{ m() }}
{% macro m() %}[{{ later }}]{% endmacro %}{% set later = 9 %}{{ m() }}
{% set a = 1 %}{% macro m() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}
{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% set ns = namespace(m=none) %}{% for i in [1, 2] %}{% macro m() %}<{{ n }}>{% endmacro %}{% set ns.m = m %}{% endfor %}{{ ns.m() }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}|{% set (c, d2) = [3, 4] %}{{ c }}{{ d2 }}|{% set x, (y, z2) = 1, (2, 3) %}{{ x }}{{ y }}{{ z2 }}|{% set q, = [7] %}{{ q }}
{% set a, b = 1 %}
{% set a, b = [1] %}
{% set a, b = [1, 2, 3] %}
{% set a, b = 'xy' %}{{ a }}{{ b }}
{% set ns = namespace(a=1, b={'c': 2}) %}{% set ns.a = ns.a + 1 %}{{ ns.a }}{{ ns.b.c }}{{ ns['a'] }}[{{ ns.zz }}]
{% set ns = namespace({'x': 1}, y=2) %}{{ ns.x }}{{ ns.y }}{% set ns.x, ns.y = 5, 6 %}{{ ns.x }}{{ ns.y }}
{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}
{% set d.a = 1 %}
{% set nope.a = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set ns = namespace(_x=1) %}
{{ namespace(a=1)['a'] }}|{{ namespace(a=1).a is defined }}|{{ namespace() is mapping }}|{{ namespace() is iterable }}
{% set x | upper | trim %} abc {% endset %}[{{ x }}]
{% set x = 1 if false %}[{{ x }}]
{% set x = 1, %}{{ x }}
{% set x = [] %}{% for i in lst %}{% set x = x + [i] %}{% endfor %}{{ x }}
{% with %}{% set w = 1 %}{{ w }}{% endwith %}[{{ w }}]
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}[{{ a }}]
{% set a = 'outer' %}{% with a = 'inner', b = a %}{{ a }}-{{ b }}{% endwith %}-{{ a }}
{% with a, b = [1, 2] %}{{ a }}{{ b }}{% endwith %}
{% set none = 1 %}
{% set 5 = 1 %}
{% set [a] = [1] %}
{% set a.b.c = 1 %}
{% set a() = 1 %}
{% set loop = 1 %}{{ loop }}
{% for i in [1] %}{% set loop = 2 %}{% endfor %}
{% for loop in [1] %}{% endfor %}
# loops
{% for i in range(5) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}
{% for i in lst if i > 1 %}{{ i }}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}
{% for i in lst if loop.index > 1 %}{{ i }}{% endfor %}
{% for i in lst if i > 10 %}{{ i }}{% else %}nothing{% endfor %}
{% for i in lst %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}
{% for i in lst %}{{ loop.previtem.x }}{% endfor %}
{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}|{% for i in lst %}{{ loop.cycle('a', 'b') }}{% endfor %}
{% for i in lst %}{{ loop.cycle() }}{% endfor %}
{% for i in [1, 2] %}{% for j in [1, 2] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in [1, 2] %}{% set outer = loop %}{% for j in 'ab' %}{{ outer.index }}{{ j }} {% endfor %}{% endfor %}
{% for x in tree recursive %}{{ x.v }}({{ loop(x.k) }}){{ loop.depth }}{% endfor %}
{% for x in tree recursive %}{{ x.v }}{% if x.k %}[{{ loop(x.k) }}]{% else %}.{% endif %}{% else %}empty{% endfor %}
{% for x in tree if x.v < 5 recursive %}{{ x.v }}{{ loop(x.k) }}{% endfor %}
{% for x in [1] %}{{ loop([2]) }}{% endfor %}
{% for k, v in d.items() %}{{ k }}{{ loop.last }}{% endfor %}|{% for k in d %}{{ k }}{% endfor %}|{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [1, 2] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in true %}{% endfor %}
{% for c in 'héy' %}{{ c }}.{% endfor %}|{% for c in '' %}{% else %}E{% endfor %}|{% for x in (1, 2) %}{{ x }}{% endfor %}|{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{% for i in range(10) %}{% if i is odd %}{% continue %}{% endif %}{% if i > 6 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1] %}{% break %}{% else %}else{% endfor %}|{% for i in [1] %}{% continue %}{% else %}else{% endfor %}|{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{% else %}else{% endfor %}
{% for i in [1, 2] %}{% for j in [1, 2] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% for i in [1, 2, 3] %}{% set x %}a{% if i == 2 %}{% continue %}{% endif %}b{% endset %}{{ x }}{{ i }}{% endfor %}
{% for i in lst | map('string') %}{{ i }}{{ loop.length }}{{ loop.last }}{% endfor %}|{% for i in lst | reverse %}{{ loop.revindex }}{{ i }}{% endfor %}
{% for i in lst if true else [1] %}{{ i }}{% endfor %}
{% for i in (lst if false else [9]) %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(i) %}{{ loop.parent }}{{ i }}{{ j }}{% else %}-{% endfor %}{% endfor %}
{{ range(5) | list }}|{{ range(2, 5) | list }}|{{ range(5, 2) | list }}|{{ range(5, 2, -1) | list }}|{{ range(0, 10, 3) | list }}|{{ range(3) | length }}|{{ range(-3) | length }}|{{ range(true) | list }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ range() }}
{{ range(1.5) }}
{{ range(200000) | length }}
{{ range(100000) | length }}
# macros, call, filter blocks
{% macro f(a, b=2, *c) %}{% endmacro %}
{% macro f(a, b='x' ~ n, c=[]) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, 2) }}|{{ f(a=3, c=4) }}|{{ f() }}|{{ f(c=1, b=2, a=3) }}
{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}|{{ f(1, 5) }}
{% macro f(a) %}{{ a is defined }}{% endmacro %}{{ f() }}{{ f(none) }}
{% macro f(a) %}{{ a.x }}{% endmacro %}{{ f() }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}
{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f() }}{{ f(1, 2, x=3) }}
{% macro f(a) %}{{ a }}{{ varargs | join(',') }}{% for k, v in kwargs.items() %}{{ k }}={{ v }}{% endfor %}{% endmacro %}{{ f(1, 2, 3, x=4, y=5) }}
{% macro f(x) %}{{ x }}{% if x > 0 %}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro f(a, b=1) %}{% endmacro %}{{ f.name }}|{{ f.arguments }}|{{ f.catch_kwargs }}|{{ f.catch_varargs }}|{{ f.caller }}|{{ f }}
{% macro f() %}  x  {% endmacro %}[{{ f() | trim }}]|{{ f() ~ 'y' }}|{{ f() is string }}|{{ f() | length }}
{% macro f(x) %}{{ caller(x, 2) }}{% endmacro %}{% call(a, b=9) f(1) %}{{ a }}-{{ b }}{% endcall %}
{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}{{ n }}{% endcall %}
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}
{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}
{% macro f(caller) %}{{ caller() }}{% endmacro %}{% call f() %}y{% endcall %}
{% macro f(caller=none) %}{{ caller() if caller else 'no' }}{% endmacro %}{{ f() }}{% call f() %}y{% endcall %}
{% macro outer() %}<{{ caller() }}>{% endmacro %}{% macro inner() %}({{ caller() }}){% endmacro %}{% call outer() %}{% call inner() %}x{% endcall %}{% endcall %}
{% for i in [1, 2] %}{% macro w() %}{{ caller() }}{% endmacro %}{% call w() %}{{ i }}{{ loop.index }}{% endcall %}{% endfor %}
{% call 5 %}{% endcall %}
{% call nope() %}{% endcall %}
{% macro f(a, a) %}{% endmacro %}
{% macro f(a=1, b) %}{% endmacro %}
{% macro f(1) %}{% endmacro %}
{% macro f() %}{% return 1 %}{% endmacro %}
{% filter upper %}a{{ n }}{% endfilter %}|{% filter replace('a', 'b') | upper %}banana{% endfilter %}|{% filter trim %} abc {% endfilter %}
{% filter length %} abc {% endfilter %}
{% filter indent(2) %}a
b{% endfilter %}
{% filter nope %}{% endfilter %}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{% macro f(d={}) %}{{ d }}{% endmacro %}{{ f() }}{{ f({'a': 1}) }}{{ f(*[1]) }}{{ f(**{'d': 2}) }}
{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(1, *[2]) }}{{ f(*[1], **{'b': 2}) }}
{{ dict(**1) }}
{{ dict(*1) }}
{% macro m() %}{% for i in [1, 2] %}{{ i }}{% set z = i %}{% endfor %}{{ z }}{% endmacro %}[{{ m() }}]
# blocks, include, import, other statements
{% block title %}x{{ n }}{% endblock %}|{% block other scoped %}y{% endblock other %}
{% set v = 3 %}{% block b %}{{ v }}{{ n }}{% endblock %}
{% for i in [1, 2] %}{% block c scoped %}{{ i }}{% endblock %}{% endfor %}
{% for i in [1, 2] %}{% block c %}[{{ i }}]{% endblock %}{% endfor %}
{% block a %}{% endblock %}{% block a %}{% endblock %}
{% include 'x' %}
{% include 'x' ignore missing %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% print n, 'a' %}
{% generation %}x{% for i in lst %}{{ i }}{% endfor %}{% endgeneration %}
{% do lst %}
{% trans %}x{% endtrans %}
{% debug %}
{% autoescape true %}{{ html }}{{ '<' ~ n }}{{ html | safe }}{% endautoescape %}{{ html }}
{% autoescape false %}{{ html }}{% endautoescape %}
{% raw %}{{ x }}{% y %}{# z #}{% endraw %}|{%- raw -%}  a  {%- endraw -%}  b
{% raw %}
  a
{% endraw %}
b
{% if n == 5: %}colon{% endif %}
{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}{% if 0 %}a{% elif 0 %}b{% elif 3 %}d{% else %}c{% endif %}{% if 0 %}{% endif %}
{% if 1, %}tuple{% endif %}
{{ 'a' if n else 'b' 'c' }}|{{ 'a' 'b' "c" }}
# filters
{{ 'abc' | upper | lower | title | capitalize }}|{{ n | upper }}|{{ none | upper }}|{{ "they're it-is (foo) <bar> [x] {y}" | title }}|{{ 'hELLO wORLD' | capitalize }}|{{ 'foo\nbar-baz' | title }}
{{ s | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 5 | trim }}|{{ [1] | trim }}|{{ none | trim }}|{{ s | trim(chars=' H') }}
{{ 'a b' | replace(' ', '_') }}|{{ 'aaa' | replace('a', 'b', 2) }}|{{ 5 | replace('5', 6) }}|{{ 'a' | replace('a', 1) }}|{{ 'aaa' | replace('a', 'b', count=1) }}|{{ none | replace('N', 'n') }}
{{ 'a' | replace('a') }}
{{ 'a' | replace }}
{{ 'a' | upper('x') }}
{{ 'a' | trim('x', 'y') }}
{{ 'a' | trim(nope=1) }}
{{ lst | length }}|{{ d | length }}|{{ u | length }}|{{ '' | count }}|{{ (1, 2) | length }}|{{ d.items() | length }}
{{ 5 | length }}
{{ none | length }}
{{ (lst | map('string')) | length }}
{{ true | length }}
{{ lst | first }}|{{ lst | last }}|{{ 'abc' | first }}|{{ d | first }}|{{ d | last }}|{{ [] | last }}|{{ range(3) | last }}|{{ lst | map('string') | first }}|{{ [] | first is defined }}|{{ d.items() | last }}
{{ ([] | first).x }}
{{ ([] | last).x }}
{{ 5 | first }}
{{ 5 | last }}
{{ (lst | map('string')) | last }}
{{ lst | join }}|{{ lst | join('-') }}|{{ lst | join(d='-') }}|{{ people | join(', ', attribute='name') }}|{{ people | join(', ', 'city.n') }}|{{ [1, none, 'x', [2]] | join('|') }}|{{ 'abc' | join('-') }}|{{ d | join }}|{{ lst | join(1) }}|{{ [] | join(',') }}
{{ 5 | join }}
{{ lst | list }}|{{ 'abc' | list }}|{{ d | list }}|{{ (1, 2) | list }}|{{ range(2) | list }}
{{ 5 | list }}
{{ none | list }}
{{ lst | reverse | list }}|{{ 'abç' | reverse }}|{{ (1, 2) | reverse | list }}|{{ d | reverse | list }}|{{ range(3) | reverse | list }}|{{ (lst | map('string')) | reverse }}
{{ 5 | reverse }}
{{ lst | sort }}|{{ words | sort }}|{{ words | sort(case_sensitive=true) }}|{{ lst | sort(reverse=true) }}|{{ lst | sort(true) }}|{{ people | sort(attribute='name') | map(attribute='name') | list }}|{{ people | sort(attribute='age,name') | map(attribute='name') | list }}|{{ people | sort(attribute='age', reverse=true) | map(attribute='name') | list }}|{{ people | sort(attribute='city.n') | map(attribute='name') | list }}|{{ nested | sort(attribute='0') | length if false else 'skip' }}|{{ 'bca' | sort }}|{{ d | sort }}
{{ mixed | sort }}
{{ [none, 1] | sort }}
{{ 5 | sort }}
{{ people | sort(attribute='zzz') }}
{{ people | map(attribute='name') | sort | join }}|{{ [[2, 'b'], [1, 'a'], [2, 'a']] | sort }}|{{ [[2, 'b'], [1, 'a']] | sort(attribute=1) }}|{{ [true, 0, 2.5] | sort }}
{{ d | dictsort }}|{{ {'B': 1, 'a': 2} | dictsort }}|{{ {'B': 1, 'a': 2} | dictsort(true) }}|{{ {'a': 2, 'b': 1} | dictsort(by='value') }}|{{ {'a': 2, 'b': 1} | dictsort(false, 'value', true) }}
{{ d | dictsort(by='x') }}
{{ lst | dictsort }}
{{ {1: 1, 'a': 2} | dictsort }}
{{ [1, 1, 2, 'a', 'A', 1.0, true] | unique | list }}|{{ ['a', 'A'] | unique(case_sensitive=true) | list }}|{{ people | unique(attribute='age') | map(attribute='name') | list }}|{{ 'abca' | unique | join }}
{{ [[1], [1]] | unique | list }}
{{ lst | min }}|{{ lst | max }}|{{ words | min }}|{{ words | max(case_sensitive=true) }}|{{ people | max(attribute='age') }}|{{ people | min(attribute='name') }}|{{ [] | min is defined }}|{{ 'bca' | max }}
{{ ([] | max).x }}
{{ mixed | max }}
{{ lst | sum }}|{{ [] | sum }}|{{ [0.1, 0.2] | sum }}|{{ people | sum(attribute='age') }}|{{ lst | sum(start=10) }}|{{ nested | sum(start=[]) }}|{{ people | sum('age', 1) }}
{{ words | sum }}
{{ words | sum(start='') }}
{{ people | sum(attribute='zzz') }}
{{ lst | batch(2) | list }}|{{ lst | batch(2, 'x') | list }}|{{ range(7) | batch(3, 0) | list }}|{{ [] | batch(2) | list }}|{{ range(7) | slice(3) | list }}|{{ range(7) | slice(3, 'x') | list }}|{{ range(2) | slice(3) | list }}|{{ lst | batch(0) | list }}
{{ lst | slice(0) | list }}
{{ lst | batch | list }}
{{ people | groupby('age') }}
{% for g in people | groupby('age') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join(',') }};{% endfor %}|{% for k, v in people | groupby('city.n') %}{{ k }}{{ v | length }}{% endfor %}|{% for k, v in people | groupby('city.n', case_sensitive=true) %}{{ k }}{{ v | length }}{% endfor %}|{{ people | groupby('zip', default='-') | map(attribute=0) | list }}|{{ (people | groupby('age'))[0][0] }}
{{ people | groupby('zip') }}
{{ d | items | list }}|{{ {} | items | list }}
{{ lst | items | list }}
{{ people | map(attribute='name') | list }}|{{ people | map(attribute='zzz') | list }}|{{ people | map(attribute='zzz', default='D') | list }}|{{ words | map('upper') | list }}|{{ lst | map('string') | join }}|{{ words | map('replace', 'a', 'x') | list }}|{{ [[1, 2], [3]] | map('join', '-') | list }}|{{ nested | map('first') | list }}|{{ [' a '] | map('trim') | list }}|{{ people | map(attribute='city.n') | list }}|{{ nested | map(attribute=0) | list }}|{{ none | map('upper') | list }}|{{ ['1', '2'] | map('int') | sum }}
{{ lst | map | list }}
{{ lst | map('nofilter') | list }}
{{ lst | map(upper) | list }}
{{ lst | map(attribute='x', foo=1) | list }}
{{ 5 | map('upper') | list }}
{{ (lst | map('nofilter')) is defined }}
{{ lst | select('odd') | list }}|{{ lst | select('gt', 1) | list }}|{{ lst | select('in', [1, 2]) | list }}|{{ [0, 1, '', 'a', none] | select | list }}|{{ lst | reject('odd') | list }}|{{ [0, 1, ''] | reject | list }}|{{ people | selectattr('age', 'gt', 1) | map(attribute='name') | list }}|{{ people | selectattr('age') | list | length }}|{{ people | rejectattr('age', 'eq', 3) | map(attribute='name') | list }}|{{ people | selectattr('zzz', 'defined') | list }}|{{ people | selectattr('zzz', 'undefined') | list | length }}|{{ people | rejectattr('zzz') | list | length }}|{{ people | selectattr('city.n', 'equalto', 'X') | list | length }}|{{ messages | selectattr('role', 'ne', 'user') | map(attribute='role') | list }}|{{ lst | select('==', 1) | list }}|{{ none | select | list }}
{{ lst | select('notest') | list }}
{{ lst | selectattr | list }}
{{ lst | select('gt') | list }}
{{ lst | select('gt', 'a') | list }}
{{ 5 | select | list }}
{{ none | default('d') }}|{{ nope | default('d') }}|{{ '' | default('d') }}|{{ '' | default('d', true) }}|{{ 0 | d(1, boolean=true) }}|{{ nope | default }}|{{ nope | default(default_value=3) }}|{{ false | default('x', true) }}|{{ d.nope | default({}) }}
{{ nope.x | default('d') }}
{{ '12' | int }}|{{ ' 12 ' | int }}|{{ '-3' | int }}|{{ '1_000' | int }}|{{ '3.7' | int }}|{{ '-3.7' | int }}|{{ 'x' | int }}|{{ 'x' | int(7) }}|{{ '' | int }}|{{ none | int }}|{{ [] | int(3) }}|{{ 3.99 | int }}|{{ true | int }}|{{ 'ff' | int(base=16) }}|{{ '0x1f' | int(0, 16) }}|{{ '0b11' | int(base=2) }}|{{ '1e3' | int }}|{{ 'inf' | int }}|{{ 'nan' | int(5) }}|{{ '٣' | int }}|{{ '12abc' | int }}|{{ '0o17' | int(base=8) }}|{{ '017' | int }}|{{ 1e20 | int }}|{{ '99999999999999999999' | int }}
{{ '1.5' | float }}|{{ '1e3' | float }}|{{ 'x' | float }}|{{ 'x' | float(2.5) }}|{{ 3 | float }}|{{ none | float }}|{{ ' 2.5 ' | float }}|{{ 'inf' | float }}|{{ '-Infinity' | float }}|{{ 'nan' | float }}|{{ '1_0.5' | float }}|{{ true | float }}|{{ '.5' | float }}|{{ '5.' | float }}|{{ '1e400' | float }}|{{ '0x10' | float }}
{{ 2.5 | round }}|{{ 3.5 | round }}|{{ -2.5 | round }}|{{ 2.675 | round(2) }}|{{ 1234.5678 | round(-2) }}|{{ 5 | round }}|{{ 1234 | round(-2) }}|{{ 2.1 | round(0, 'ceil') }}|{{ 2.9 | round(method='floor') }}|{{ 2.123 | round(2, 'ceil') }}|{{ -2.5 | round(0, 'floor') }}|{{ 0.5 | round }}|{{ 1.5 | round | int }}|{{ true | round }}|{{ 1e300 | round(2) }}|{{ 15 | round(-1) }}|{{ 25 | round(-1) }}|{{ 3 | round(1, 'floor') }}
{{ 'a' | round }}
{{ 1 | round(1, 'x') }}
{{ 1.5 | round('a') }}
{{ -3 | abs }}|{{ 3.5 | abs }}|{{ -big | abs }}|{{ true | abs }}|{{ (-0.0) | abs }}
{{ 'a' | abs }}
{{ 5 | string }}|{{ [1, 'a'] | string }}|{{ none | string }}|{{ 1.0 | string }}|{{ true | string | length }}
{{ d | tojson }}|{{ 'é\n"<>&\'/' | tojson }}|{{ 'é😀' | tojson(ensure_ascii=true) }}|{{ [1, 1.0, true, none, 'x', [], {}, ()] | tojson }}|{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}|{{ d | tojson(sort_keys=true) }}|{{ d | tojson(indent=2) }}|{{ d | tojson(indent='--') }}|{{ [1, 2] | tojson(separators=(',', ':')) }}|{{ d | tojson(separators=(',', ':'), indent=1) }}|{{ [] | tojson(indent=2) }}|{{ {'a': []} | tojson(indent=0) }}|{{ '\x00\x1f\x7f\u2028' | tojson }}|{{ big | tojson }}|{{ 1e20 | tojson }}|{{ (1, 2) | tojson }}|{{ '\x7f' | tojson(true) }}|{{ 'inf' | float | tojson }}
{{ (lst | map('string')) | tojson }}
{{ range(3) | tojson }}
{{ {(1, 2): 3} | tojson }}
{{ d.items() | tojson }}
{{ raise_exception | tojson }}
{{ {'b': 1, 1: 2} | tojson(sort_keys=true) }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(2, blank=true) }}|{{ 'a\nb' | indent('> ') }}|{{ 'a\nb\n' | indent(2) }}|{{ '' | indent }}|{{ 'a' | indent(first=true) }}|{{ 'a\r\nb' | indent(1) }}|{{ '\na' | indent(width=3) }}
{{ 5 | indent }}
{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, true) }}|{{ 'foo bar baz qux' | truncate(11) }}|{{ 'foo bar baz qux' | truncate(11, false, '...', 0) }}|{{ 'foobarbazqux12345' | truncate(5, end='!') }}|{{ 'short' | truncate }}|{{ '你好世界你好世界你好' | truncate(4, true, '…', 0) }}
{{ 'abc' | truncate(1) }}
{{ para | wordwrap(10) }}|{{ para | wordwrap(15, wrapstring='/') }}|{{ 'averyverylongword x' | wordwrap(5) }}|{{ 'averyverylongword x' | wordwrap(5, false) }}|{{ 'a\n\nb c' | wordwrap(3) }}|{{ hy | wordwrap(8) }}|{{ hy | wordwrap(8, break_on_hyphens=false) }}|{{ hy | wordwrap(5) }}
{{ '  lead and   many   spaces  ' | wordwrap(10) }}|{{ 'x' | wordwrap(1) }}|{{ '' | wordwrap }}|{{ 'aa-bb-cc-dd' | wordwrap(4) }}|{{ 'a--b--c' | wordwrap(2) }}
{{ 'a' | wordwrap(0) }}
{{ 'the  quick brown' | wordcount }}|{{ "don't stop" | wordcount }}|{{ '' | wordcount }}|{{ '你好 é_1' | wordcount }}
{{ 'x' | center(5) }}|{{ 'xy' | center(5) }}|{{ 'x' | center | length }}|{{ 5 | center(3) }}
{{ html | e }}|{{ html | escape | escape }}|{{ html | safe | e }}|{{ html | forceescape }}|{{ (html | e) | forceescape }}|{{ 5 | e }}|{{ none | e }}|{{ (html | safe) ~ '<' }}|{{ (html | safe) + '<' }}|{{ '<' + ('>' | safe) }}|{{ ('<' | safe) | upper }}|{{ '<' | safe | string }}|{{ ('%s' | safe) is escaped }}|{{ 'a' is escaped }}
{{ '<p>a <b> b</b>\n\n c</p><!-- no -->' | striptags }}|{{ 'a &amp; b' | striptags }}|{{ '1 < 2 > 3' | striptags }}
{{ 'a b&c/ü?=+~' | urlencode }}|{{ {'a': 1, 'b c': 'x&y/'} | urlencode }}|{{ [['k', 'v'], ('l', 2)] | urlencode }}|{{ 5 | urlencode }}
{{ {'class': 'a "b"', 'id': none, 'n': 5} | xmlattr }}|{{ {'a': 1} | xmlattr(false) }}|{{ {} | xmlattr }}
{{ {'a b': 1} | xmlattr }}
{{ 1 | filesizeformat }}|{{ 0 | filesizeformat }}|{{ 999 | filesizeformat }}|{{ 1500 | filesizeformat }}|{{ 1500000 | filesizeformat }}|{{ 1500 | filesizeformat(true) }}|{{ '12345' | filesizeformat }}|{{ 1e30 | filesizeformat }}
{{ 'a' | nofilter }}
{{ 'a' | nofilter if false else 'skipped' }}
{% if false %}{{ 'a' | nofilter }}{% endif %}ok
{% if true %}{{ 'a' | nofilter }}{% endif %}
{{ n is notest }}
{{ n is notest if false else 'skipped' }}
{{ n is notest if true else 'skipped' }}
{{ 1 if n is notest else 2 }}
{% for i in lst %}{% if false %}{{ i | nofilter }}{% endif %}{% endfor %}x
{% if false %}{% for i in lst %}{{ i | nofilter }}{% endfor %}{% endif %}x
{{ -1 | abs }}|{{ (-1) | abs }}|{{ - 1 | string }}|{{ 'a' ~ 'b' | upper }}|{{ ('a' ~ 'b') | upper }}|{{ 1 + 2 | string | length }}|{{ not 0 | string }}|{{ 2 ** 2 | string | int }}
{{ 'x' | upper | default('y') ~ 'z' | lower }}
# tests
{{ 1 is number }}|{{ 1.5 is number }}|{{ true is number }}|{{ '1' is number }}|{{ 1 is integer }}|{{ true is integer }}|{{ 1.0 is integer }}|{{ 1.0 is float }}|{{ big is integer }}|{{ true is boolean }}|{{ 1 is boolean }}|{{ none is none }}|{{ 0 is none }}
{{ 'a' is string }}|{{ ('a' | safe) is string }}|{{ [] is string }}|{{ d is mapping }}|{{ lst is mapping }}|{{ lst is sequence }}|{{ d is sequence }}|{{ 'a' is sequence }}|{{ 5 is sequence }}|{{ (1,) is sequence }}|{{ range(2) is sequence }}|{{ d.items() is sequence }}|{{ (lst | map('string')) is sequence }}|{{ none is sequence }}
{{ lst is iterable }}|{{ 5 is iterable }}|{{ 'a' is iterable }}|{{ none is iterable }}|{{ (lst | map('string')) is iterable }}|{{ d.items() is iterable }}|{{ raise_exception is callable }}|{{ 5 is callable }}|{{ 'a'.upper is callable }}|{{ range is callable }}|{{ namespace is callable }}|{{ dict is callable }}
{{ 1 is odd }}|{{ 2 is even }}|{{ -1 is odd }}|{{ 2.0 is even }}|{{ 10 is divisibleby 5 }}|{{ 10 is divisibleby(3) }}|{{ 1 is sameas true }}|{{ true is sameas true }}|{{ none is sameas none }}|{{ lst is sameas lst }}|{{ [] is sameas [] }}
{{ 'a' is odd }}
{{ 5 is divisibleby 0 }}
{{ 'abc' is lower }}|{{ 'ABC' is upper }}|{{ 'Abc' is lower }}|{{ '' is lower }}|{{ 1 is lower }}|{{ true is lower }}|{{ true is true }}|{{ 1 is true }}|{{ false is false }}|{{ 0 is false }}|{{ none is false }}
{{ 1 is eq 1 }}|{{ 1 is == 1 }}
{{ 1 is eq(1) }}|{{ 1 is equalto 1 }}|{{ 1 is ne 2 }}|{{ 1 is lt 2 }}|{{ 1 is le 1 }}|{{ 2 is gt 1 }}|{{ 2 is ge 3 }}|{{ 2 is greaterthan 1 }}|{{ 1 is lessthan 2 }}|{{ 1 is in [1] }}|{{ 1 is in([2]) }}|{{ 'a' is in 'abc' }}|{{ 1 is not in [1] }}
{{ 1 is lt 'a' }}
{{ 'upper' is filter }}|{{ 'nope' is filter }}|{{ 'odd' is test }}|{{ 'nope' is test }}|{{ 5 is filter }}|{{ 'tojson' is filter }}|{{ 'random' is filter }}|{{ 'equalto' is test }}
{{ n is not none and n is defined }}|{{ n is defined and n is number or false }}|{{ n is not defined or n is none }}|{{ not n is defined }}|{{ n is number ~ 'x' }}|{{ n is divisibleby 5 and true }}|{{ n is none is none }}
{{ (n is none) is boolean }}|{{ n is string or n is integer }}|{{ n is gt 3 and n is lt 9 }}|{{ lst[0] is odd }}|{{ lst | length is gt 2 }}|{{ n is gt(lst | length) }}
{{ n is sameas n }}|{{ n is eq n if true else 0 }}|{{ 'x' is in d }}|{{ n is in lst or true }}
{{ n is defined(1) }}
{{ n is eq }}
# globals
{{ cycler('a', 'b').next() }}|{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
{{ cycler() }}
{% set j = joiner('-') %}{% for i in lst %}{{ j() }}{{ i }}{% endfor %}|{% set k = joiner() %}{{ k() }}{{ k() }}
{{ raise_exception('no ' ~ n) }}
{{ raise_exception(5) }}
{{ raise_exception() }}
{{ raise_exception('a', 'b') }}
{{ strftime_now('%Y-%m-%d') }}|{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%A, %B %d, %Y %I:%M %p') }}|{{ strftime_now('%H:%M:%S %j %U %W %w %y %u %V %G %%') }}|{{ strftime_now('%e|%k|%l|%D|%F|%T|%R|%r|%c|%x|%X|%h|%C|%n|%t') }}|{{ strftime_now('%-d %-m %-H %_d') }}|{{ strftime_now('') }}|{{ strftime_now('é %Y') }}|{{ strftime_now('[%z][%Z]') }}|{{ strftime_now('%f') }}|{{ strftime_now('%^a %P') }}
{{ strftime_now(5) }}
{{ strftime_now() }}
{{ range is defined }}|{{ cycler is defined }}|{{ nope_function is defined }}|{{ super is defined }}|{{ loop is defined }}|{{ caller is defined }}|{{ varargs is defined }}|{{ true is defined }}
# whitespace
a  {%- if true %}  b  {% endif -%}  c
a  {%+ if true %}  b  {%+ endif %}  c
  {% if true %}  x  {% endif %}  y
<NL>  {% if true %}<NL>  x<NL>  {% endif %}<NL>y
a<NL>  {%- if true -%}<NL>  x<NL>  {%- endif -%}<NL>y
a {# c #} b {#- d -#} c<NL>  {# e #}<NL>f
{{ 'a' }}  <NL>  {{- 'b' -}}  <NL>  {{ 'c' }}
  {{ 'x' }}<NL>  {%- set a = 1 %}<NL>  {{ a }}
{% set a = 1 -%}<NL>  <NL>x
{% set a = 1 +%}<NL>x
{% set a = 1 %}<NL><NL>x
{% for i in [1, 2] %}<NL>{{ i }}<NL>{% endfor %}<NL>end<NL>
{%- for i in [1, 2] -%}<NL>  {{ i }}  <NL>{%- endfor -%}<NL>
text {% if true %}<NL>x {% endif %} y<NL>
	{% if true %}<NL>	tab<NL>	{% endif %}<NL>
{# a #}<NL>{# b #}<NL>c
{#- a -#}<NL>  b
a<NL><NL>{%- raw %} b {% endraw %}<NL>c
{{ '{{' }}|{{ '%}' }}|{{ "}}" }}|{{ '{#' }}
{{ {'a': {'b': 1}}['a']['b'] }}|{{ {'a': 1}.a}}|{{{'a': 1}['a']}}
a{{ n }}b{{n}}c{{-n-}}d
{{ n }}<NL><NL><NL>
<NL><NL>{{ n }}
   <NL>   {% set x = 1 %}   <NL>   {{ x }}
a\n{{ 'b\n' }}c
  {#  c  #}  x
{{ "a<NL>b" }}|{{ 'a\
b' }}
é{% if true %}ü{% endif %} {%- set x = 1 -%} 你
# string escapes
{{ 'a\tb\\c\'d\"e' }}|{{ "a\x41\u00e9\U0001F600\101\0" }}|{{ '\q\8' }}|{{ "\a\b\f\v" }}|{{ '\
x' }}
{{ '\x4' }}
{{ '\u12' }}
{{ '\U00110000' }}
{{ 'é\u00e9\n' }}|{{ '你\t好' }}
# syntax errors
{{ 1 + }}
{{ (1 }}
{{ [1, 2 }}
{{ {'a' 1} }}
{{ a b }}
{{ 1 2 }}
{{ 'a }}
{{ a. }}
{{ a.1b }}
{{ a..b }}
{{ a | }}
{{ a is }}
{{ a is not }}
{{ a if }}
{{ a[ }}
{{ a[] }}
{{ a(1,,2) }}
{{ a(b=1, 2) }}
{{ a(**b, *c) }}
{{ a(x=1, x=2) }}
{{ ) }}
{{ ] }}
{{ (1] }}
{{ $ }}
{{ a ? b }}
{{ a ! b }}
{{ a & b }}
{{ ` }}
{{ 1.2.3 }}
{{ 08 }}
{{ 1a }}
{{ not }}
{{ a in }}
{{ a not b }}
{{ a is is b }}
{{ n is number is string }}
{{ a == }}
{{ == a }}
{{ }}
{{ , }}
{% %}
{% 5 %}
{% if %}{% endif %}
{% if a %}
{% if a %}{% endfor %}
{% if a %}{% else %}{% elif b %}{% endif %}
{% for %}{% endfor %}
{% for x %}{% endfor %}
{% for x in %}{% endfor %}
{% for x in y %}
{% for x in y %}{% endif %}
{% for 5 in y %}{% endfor %}
{% for x.y in z %}{% endfor %}
{% endif %}
{% endfor %}
{% else %}
{% elif a %}
{% endmacro %}
{% macro %}{% endmacro %}
{% macro f %}{% endmacro %}
{% macro f( %}{% endmacro %}
{% macro f() %}
{% set %}
{% set x %}
{% set x = %}
{% set x y %}
{% set x = 1 %}{% endset %}
{% call %}{% endcall %}
{% filter %}{% endfilter %}
{% with a %}{% endwith %}
{% with a = %}{% endwith %}
{% block %}{% endblock %}
{% block a-b %}{% endblock %}
{% raw %}
{% raw %}{% endra %}
{# unclosed
{{ unclosed
{% unclosed
{{ 'a' %}
{% if a }}{% endif %}
{% break %}
{% continue %}
{% for i in lst %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}
{% for i in [] %}{% else %}{% break %}{% endfor %}
{% unknown %}
{% if a %}{% unknown %}{% endif %}
{% import %}
{% from x %}
{% from x import _y %}
{% include %}
{% print %}
x{% print 1 %}y
{{ a.b.c( }}
{{ "a" 'b }}
{{ lambda x: x }}
{{ x for x in y }}
{{ [x for x in y] }}
{{ {1, 2} }}
{{ a := 1 }}
{{ a = 1 }}
{{ a; b }}
{{ a -> b }}
{{ a[1:2, 3] }}
{{ f'x' }}
{{ a <> b }}
{{ a && b }}
{{ a || b }}
{{ !a }}
{{ a++ }}
{%if n%}ok{%endif%}{{n}}{%-if n-%} ok {%-endif-%}
{{n|string~'x'}}{{n+1}}{{n*-1}}{{- -n}}{{+-n}}
{{ n if n > 3 }}{{ n if n > 30 }}{{ (n if n > 30) | default('dd') }}
{{ [1, 2, ] }}{{ (1, 2, ) }}{{ {'a': 1, } }}{{ dict(a=1, ) }}
{{ a.b if false else [1][0] }}{{ (lambda) if false else 1 }}
{{ none.foo is defined }}{{ none is defined }}{{ True and None }}{{ False or None }}{{ NONE is defined }}
"""

MULTILINE = [
    "{%- macro render(items, depth=0) -%}\n{%- for item in items -%}\n{{ '  ' * depth }}- {{ item.v }}\n{{ render(item.k, depth + 1) }}\n{%- endfor -%}\n{%- endmacro -%}\n{{ render(tree) }}",
    "{%- for message in messages %}\n    {%- if message['role'] == 'user' %}\n        {{- '<|user|>\\n' + message['content'] | trim + '<|end|>\\n' }}\n    {%- elif message.role == 'assistant' %}\n        {{- '<|assistant|>\\n' ~ message.content ~ '<|end|>' }}\n        {%- for call in message.tool_calls or [] %}\n            {{- '\\n' ~ call.function | tojson }}\n        {%- endfor %}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|assistant|>\\n' }}\n{%- endif %}\n",
    "{% set ns = namespace(system='', turns=0) %}\n{% for m in messages %}\n{% if m.role == 'system' %}\n{% set ns.system = ns.system ~ m.content %}\n{% else %}\n{% set ns.turns = ns.turns + 1 %}\n{% endif %}\n{% endfor %}\n[{{ ns.system }}|{{ ns.turns }}]\n",
    "{%- set first = messages[0] if messages and messages[0].role == 'system' else none -%}\n{%- set rest = messages[1:] if first else messages -%}\n{{ bos_token }}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ m.role[0] | upper }}{% endfor %}",
    "{% for group in messages | groupby('role') %}\n{{ group.grouper }}: {{ group.list | length }}\n{% endfor %}",
    "line1\r\n{% if true %}\r\n  crlf {{ n }}\r\n{% endif %}\r\nend\r\n",
    "a\rb\r{{ n }}\r",
    "{% if true %}\n\n  two newlines\n\n{% endif %}\n",
    "{%- set text -%}\n  padded\n{%- endset -%}\n[{{ text }}]",
    "{{ messages | map(attribute='content') | map('trim') | select | join(' / ') }}",
    "{% macro tool(t) %}{% set p = t.function %}{{ p.name }}({% for k, v in p.arguments | items %}{{ k }}={{ v | tojson }}{{ ', ' if not loop.last }}{% endfor %}){% endmacro %}{% for m in messages if m.tool_calls is defined %}{% for t in m.tool_calls %}{{ tool(t) }}{% endfor %}{% endfor %}",
    "{% set ns = namespace(x=0) %}{% macro bump() %}{% set ns.x = ns.x + 1 %}{{ ns.x }}{% endmacro %}{{ bump() }}{{ bump() }}{{ ns.x }}",
    "{% for m in messages %}{% set content = m.content if m.content is string else '' %}{{ content.split('\\n')[0].rstrip() }};{% endfor %}",
    "{{ '%s' % messages[1].content | trim | e }}",
    "{% for i in range(3) -%}\n{{ i }},\n{%- endfor %}",
    "{{ lst[0] }}\n{{ lst[1] }}  \n  {{- lst[2] }}\n",
    "{% set a = 'x' %}{% set b %}{{ a }}{% set a = 'y' %}{{ a }}{% endset %}{{ a }}{{ b }}",
    "{% macro a() %}{% macro b() %}inner{{ n }}{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}{{ b is defined }}",
    "{% set x = 1 %}{% macro show() %}{{ x }}{% endmacro %}{% for i in [1] %}{% set x = 2 %}{{ show() }}{{ x }}{% endfor %}{% set x = 3 %}{{ show() }}",
    "{% for x in [1, 2] %}{% for y in [3] %}{% set x = 9 %}{{ x }}{% endfor %}{{ x }}{% endfor %}",
    "{% if true %}{% macro cond() %}c{% endmacro %}{% endif %}{{ cond() }}",
    "{{ messages[0]['content'][:3] ~ messages[1].content[-4:] }}{{ messages[::-1][0].role }}{{ messages | length }}",
]


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(format):
    return datetime.datetime(2025, 3, 14, 15, 9, 26).strftime(format)


def environment():
    """As transformers compiles chat templates."""

    class Generation(jinja2.ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

        @jinja2.pass_eval_context
        def _pass(self, context, caller):
            return caller()

    class TemplateDict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

        def fromkeys(self, *args, **kwargs):
            return dict.fromkeys(*args, **kwargs)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attrs = dict(*args, **kwargs)
            for name in attrs:
                TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__init__(self, attrs)

        def __setitem__(self, name, value):
            TemplateNamespace._check_name(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def _check_name(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(
                    f"Chat templates cannot store underscore-prefixed attributes on a namespace, but got {name!r}. "
                    "Please rename the attribute.")

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals.update(raise_exception=raise_exception, strftime_now=strftime_now, dict=TemplateDict(), namespace=TemplateNamespace)
    return env


def sources():
    pending = ""
    for line in SNIPPETS.strip("\n").split("\n"):
        if line.startswith("# ") and not pending:
            continue
        pending += line
        # A line that leaves a string or block open goes on in the next one; the corpus marks these by their content.
        if line.endswith(("{{ 'a\\", "'a\\", "{{ '\\", "indent(2) %}a", "{% raw %}")) and line != "{% raw %}":
            pending += "\n"
            continue
        yield pending.replace("<NL>", "\n")
        pending = ""
    yield from MULTILINE


def main():
    env = environment()
    cases = []
    for source in sources():
        case = {"template": source}
        try:
            case["output"] = env.from_string(source).render(**json.loads(json.dumps(CONTEXT)))
            if " at 0x" in case["output"]:
                print("address in output, left out:", source, file=sys.stderr)
                continue
        except Exception as error:  # whatever a template can raise
            # What Python's own compiler refuses, Fabula refuses when it reads the template.
            case["error"] = "TemplateSyntaxError" if isinstance(error, SyntaxError) else type(error).__name__
            message = error.message if isinstance(error, jinja2.TemplateError) else str(error)
            if message and not isinstance(error, SyntaxError):
                case["message"] = str(message)
        cases.append(case)
    result = {"jinja2": jinja2.__version__, "context": CONTEXT, "snippets": cases}
    path = pathlib.Path(__file__).with_name("jinja_cases.json")
    lines = [json.dumps(case, ensure_ascii=False) for case in cases]
    head = json.dumps({"jinja2": result["jinja2"], "context": CONTEXT}, ensure_ascii=False)
    path.write_text(head[:-1] + ',\n"snippets": [\n' + ",\n".join(lines) + "\n]}\n")
    print(len(cases), "cases,", sum("error" in c for c in cases), "errors")


main()
