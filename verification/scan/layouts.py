"""What each keyboard layout has on the keys that a scanner presses, without and with shift.

The keys are those of an American keyboard, row by row from the top left; a layout's two rows say
what a computer set to it writes for the same keys. Accents that wait for a letter (dead keys)
stand as the accent alone. Layouts of Microsoft Windows, checked against the X keyboard database.
"""

# ruff: noqa: RUF001  # keyboards have signs that look alike; they are what this table is about
from __future__ import annotations

from typing import Final

US_KEYS: Final = (
    "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",
    '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
)
LAYOUTS: Final[dict[str, tuple[str, str]]] = {
    "us": US_KEYS,
    "uk": (
        "`1234567890-=qwertyuiop[]#asdfghjkl;'zxcvbnm,./",
        '¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@ZXCVBNM<>?',
    ),
    "qwertz": (  # German and Austrian
        "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
        "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    ),
    "azerty": (  # French
        "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
        "\x001234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    ),
    "belgian": (
        "²&é\"'(§è!çà)-azertyuiop^$µqsdfghjklmùwxcvbn,;:=",
        "³1234567890°_AZERTYUIOP¨*£QSDFGHJKLM%WXCVBN?./+",
    ),
    "italian": (
        "\\1234567890'ìqwertyuiopè+ùasdfghjklòàzxcvbnm,.-",
        '|!"£$%&/()=?^QWERTYUIOPé*§ASDFGHJKLç°ZXCVBNM;:_',
    ),
    "spanish": (
        "º1234567890'¡qwertyuiop`+çasdfghjklñ´zxcvbnm,.-",
        'ª!"·$%&/()=?¿QWERTYUIOP^*ÇASDFGHJKLÑ¨ZXCVBNM;:_',
    ),
    "portuguese": (
        "\\1234567890'«qwertyuiop+´~asdfghjklçºzxcvbnm,.-",
        '|!"#$%&/()=?»QWERTYUIOP*`^ASDFGHJKLÇªZXCVBNM;:_',
    ),
    "brazilian": (
        "'1234567890-=qwertyuiop´[]asdfghjklç~zxcvbnm,.;",
        '"!@#$%¨&*()_+QWERTYUIOP`{}ASDFGHJKLÇ^ZXCVBNM<>:',
    ),
    "swiss german": (
        "§1234567890'^qwertzuiopü¨$asdfghjklöäyxcvbnm,.-",
        '°+"*ç%&/()=?`QWERTZUIOPè!£ASDFGHJKLéàYXCVBNM;:_',
    ),
    "swiss french": (
        "§1234567890'^qwertzuiopè¨$asdfghjkléàyxcvbnm,.-",
        '°+"*ç%&/()=?`QWERTZUIOPü!£ASDFGHJKLöäYXCVBNM;:_',
    ),
    "swedish": (  # and Finnish
        "§1234567890+´qwertyuiopå¨'asdfghjklöäzxcvbnm,.-",
        '½!"#¤%&/()=?`QWERTYUIOPÅ^*ASDFGHJKLÖÄZXCVBNM;:_',
    ),
    "norwegian": (
        "|1234567890+\\qwertyuiopå¨'asdfghjkløæzxcvbnm,.-",
        '§!"#¤%&/()=?`QWERTYUIOPÅ^*ASDFGHJKLØÆZXCVBNM;:_',
    ),
    "danish": (
        "½1234567890+´qwertyuiopå¨'asdfghjklæøzxcvbnm,.-",
        '§!"#¤%&/()=?`QWERTYUIOPÅ^*ASDFGHJKLÆØZXCVBNM;:_',
    ),
    "czech": (
        ";+ěščřžýáíé=´qwertzuiopú)¨asdfghjklů§yxcvbnm,.-",
        "°1234567890%ˇQWERTZUIOP/('ASDFGHJKL\"!YXCVBNM?:_",
    ),
    "czech qwerty": (
        ";+ěščřžýáíé=´qwertyuiopú)¨asdfghjklů§zxcvbnm,.-",
        "°1234567890%ˇQWERTYUIOP/('ASDFGHJKL\"!ZXCVBNM?:_",
    ),
    "slovak": (
        ";+ľščťžýáíé=´qwertzuiopúäňasdfghjklô§yxcvbnm,.-",
        '°1234567890%ˇQWERTZUIOP/()ASDFGHJKL"!YXCVBNM?:_',
    ),
    "hungarian": (
        "0123456789öüóqwertzuiopőúűasdfghjkléáyxcvbnm,.-",
        "§'\"+!%/=()ÖÜÓQWERTZUIOPŐÚŰASDFGHJKLÉÁYXCVBNM?:_",
    ),
    "polish 214": (
        "˛1234567890+'qwertzuiopżśóasdfghjklłąyxcvbnm,.-",
        '·!"#¤%&/()=?*QWERTZUIOPńćźASDFGHJKLŁęYXCVBNM;:_',
    ),
    "croatian": (  # and Slovenian
        "¸1234567890'+qwertzuiopšđžasdfghjklčćyxcvbnm,.-",
        '¨!"#$%&/()=?*QWERTZUIOPŠĐŽASDFGHJKLČĆYXCVBNM;:_',
    ),
    "turkish q": (
        '"1234567890*-qwertyuıopğü,asdfghjklşizxcvbnmöç.',
        "é!'^+%&/()=?_QWERTYUIOPĞÜ;ASDFGHJKLŞİZXCVBNMÖÇ:",
    ),
    "russian": (
        "ё1234567890-=йцукенгшщзхъ\\фывапролджэячсмитьбю.",
        'Ё!"№;%:?*()_+ЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,',
    ),
    "greek": (
        "`1234567890-=;ςερτυθιοπ[]\\ασδφγηξκλ΄'ζχψωβνμ,./",
        '~!@#$%^&*()_+:΅ΕΡΤΥΘΙΟΠ{}|ΑΣΔΦΓΗΞΚΛ¨"ΖΧΨΩΒΝΜ<>?',
    ),
}
"""Layout -> what its keys write, plain and with shift, in the order of `US_KEYS`.

A key that no layout text can show (an empty one) stands as NUL.
"""
SHIFT_LOCKED: Final = ("azerty", "belgian")
"""Layouts whose caps lock turns every key, and not letters only."""
