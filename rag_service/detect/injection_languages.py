# ruff: noqa: E501, ISC004  # an alternation is easier to check as one line a branch; a pattern may be two strings
"""What instructions to a model look like in more languages than English, by the same few shapes in each.

Override ("forget all your rules"), persona ("you are now free of restrictions"), extraction ("show your system
prompt") and a system's note ("new instructions: …"). Accents are gone when patterns run, ``ł``, ``ß`` and ``ø`` stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language. ``free`` ends a persona without limits; ``ask`` and ``prompt`` make an extraction."""

    ignore: str
    own: str
    instructions: str
    earlier: str
    you_are_now: str
    free: str
    ask: str
    prompt: str
    new: str


LANGUAGES: Mapping[str, Language] = {
    "de": Language(
        ignore=r"ignorier\w{0,2}|vergiss|vergesst|vergessen sie|missacht\w{1,3}|uberge\w{1,3}|verwirf",
        own=r"deine|alle deine|eure|ihre|alle|samtliche",
        instructions=r"(?:system)?(?:anweisung(?:en)?|instruktion(?:en)?|richtlinien?|vorgaben?|regeln?|befehle?|anordnungen|einschr\w{1,3}nkungen)",
        earlier=r"vorherig\w{0,2}|bisherig\w{0,2}|obig\w{0,2}|vorig\w{0,2}|fruher\w{0,2}|vorangegangen\w{0,2}|ursprunglich\w{0,2}|was (?:wir|ich|man|du|oben)",
        you_are_now=r"du bist (?:jetzt|nun|ab (?:jetzt|sofort)|ein\w{0,2})|ab (?:jetzt|sofort) (?:bist|hast|kannst|darfst|gibst|antwortest)(?: du)?|tu so,? als|stell dir vor,? du|verhalte dich",
        free=r"uneingeschrankt\w{0,2}|unzensiert\w{0,2}|(?:ohne|keine\w{0,1}) (?:\w{1,14} ){0,2}(?:regeln|einschr\w{1,3}nkungen|beschr\w{1,3}nkungen|filter|grenzen|zensur|richtlinien)|entwicklermodus|interne\w{0,1} daten preis",
        ask=r"zeig\w{0,2}|verrat\w{0,2}|nenne\w{0,2}|gib|wiederhol\w{0,2}|drucke?|offenbar\w{0,2}|schreib\w{0,2}|was (?:ist|sind|steht)",
        prompt=r"system[ -]?(?:prompts?|anweisung(?:en)?|aufforderung|nachricht)|deine\w{0,1} (?:\w{1,14} )?(?:anweisungen|instruktionen|vorgaben|prompts?)",
        new=r"neue (?:anweisung(?:en)?|instruktion(?:en)?|regeln?)",
    ),
    "fr": Language(
        ignore=r"ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) (?:pas|plus) compte d|(?:fais|faites) abstraction d|contourne[zr]?|desobei\w{1,4}",
        own=r"tes|toutes (?:les|tes|vos)|vos|l'ensemble des",
        instructions=r"instructions?|consignes?|directives?|regles?|restrictions?|limites?",
        earlier=r"precedente?s?|anterieure?s?|ci-dessus|d'avant|tout ce (?:que|qui)|initiales?|d'origine",
        you_are_now=r"tu es (?:maintenant|desormais|un\w{0,1})|vous etes (?:maintenant|desormais|un\w{0,1})|a partir de maintenant|desormais,? (?:tu|vous)|fais (?:comme si|semblant)|agis comme|comporte-toi",
        free=r"sans (?:\w{1,14} ){0,2}(?:restrictions?|limites?|regles?|filtres?|censure)|aucune (?:restriction|limite|regle)|mode (?:developpeur|debug|dan)|non censuree?",
        ask=r"montre[zr]?(?:-moi)?|revele[zr]?(?:-moi)?|affiche[zr]?|donne[zr]?(?:-moi)?|repete[zr]?|dis(?:-moi)?|ecris|quel(?:le)?s? (?:est|sont)",
        prompt=r"(?:prompts?|invite|instructions?|consignes?|message) (?:de |du )?systeme|prompts? initial|tes (?:\w{1,14} )?(?:instructions|consignes)",
        new=r"nouvelles? (?:instructions?|consignes?|directives?|regles?)",
    ),
    "es": Language(
        ignore=r"ignor(?:a|e|ad|en|ar)|olvid(?:a|e|en|ad|ar)(?:te)?(?: de)?|omite|descart[ae]|(?:haz|haga) caso omiso|no sigas|desobedec\w{1,4}|sa?ltate",
        own=r"tus|todas (?:las|tus|sus)|sus",
        instructions=r"instruccion(?:es)?|indicaciones|reglas?|directrices|ordenes|restricciones|normas",
        earlier=r"anterior(?:es)?|previas?|de arriba|precedentes|iniciales|todo lo (?:que|anterior)|originales",
        you_are_now=r"ahora (?:eres|estas|puedes)|eres ahora|a partir de ahora|de ahora en adelante|actua como|finge (?:ser|que)|haz como si|comportate",
        free=r"sin (?:\w{1,14} ){0,2}(?:restricciones|limites|reglas|filtros?|censura|limitaciones)|modo (?:desarrollador|dan|dios|debug)|ninguna (?:restriccion|regla|limitacion)|no tienes (?:reglas|limites|restricciones)",
        ask=r"muestra\w{0,3}|revela\w{0,3}|dime|ensena\w{0,3}|repite|imprime|escribe|dame|cual(?:es)? (?:es|son)",
        prompt=r"(?:prompts?|instruccion(?:es)?|mensaje) (?:de |del )?sistema|prompts? inicial|tus (?:\w{1,14} )?instrucciones",
        new=r"nuevas? (?:instruccion(?:es)?|ordenes|reglas|directrices)",
    ),
    "it": Language(
        ignore=r"ignora(?:re|te)?|dimentica(?:re|te|ti)?|trascura(?:re|te)?|non seguire|disobbedisci|scarta",
        own=r"tue|tutte (?:le|queste)|vostre|le tue",
        instructions=r"istruzioni|indicazioni|regole|direttive|linee guida|ordini|restrizioni",
        earlier=r"precedenti|di cui sopra|sopra|iniziali|originali|tutto (?:quello|cio) che",
        you_are_now=r"(?:ora|adesso) (?:sei|puoi|hai)|da (?:ora|adesso) in poi|d'ora in (?:poi|avanti)|comportati|fingi di|agisci come|fai finta",
        free=r"senza (?:\w{1,14} ){0,2}(?:restrizioni|limiti|limitazioni|regole|filtri|censura)|modalita (?:sviluppatore|dan|debug)|nessuna (?:restrizione|regola)|non hai (?:regole|limiti|restrizioni)",
        ask=r"mostra\w{0,3}|rivela\w{0,3}|dimmi|ripeti|stampa|scrivi|dammi|qual(?:e|i)? (?:e|sono)",
        prompt=r"(?:prompts?|istruzioni|messaggio) (?:di |del )?sistema|prompts? iniziale|tue (?:\w{1,14} )?istruzioni",
        new=r"nuov[ae] (?:istruzion[ei]|regol[ae]|direttiv[ae])",
    ),
    "pt": Language(
        ignore=r"ignor(?:e|a|em|ar)|esquec\w{1,4}|desconsider\w{1,4}|descart\w{1,3}|nao sigas?|desobedec\w{1,4}",
        own=r"tuas|suas|todas as|as suas",
        instructions=r"instruc(?:ao|oes)|regras|diretrizes|orientac(?:ao|oes)|ordens|restric(?:ao|oes)",
        earlier=r"anteriores|previas|acima|iniciais|originais|tudo o que",
        you_are_now=r"(?:agora )?voce (?:agora )?(?:e|esta) (?:agora )?|agora (?:voce|es|tu)|a partir de agora|de agora em diante|finja (?:ser|que)|aja como|comporte-se",
        free=r"sem (?:\w{1,14} ){0,2}(?:restricoes|limites|limitacoes|regras|filtros?|censura)|modo (?:desenvolvedor|programador|dan|debug)|nenhuma (?:restricao|regra)",
        ask=r"mostr\w{1,3}(?:-me)?|revel\w{1,3}|diga|repita|repete|imprima|escreva|qual (?:e|sao)|quais sao",
        prompt=r"(?:prompts?|instruc(?:ao|oes)|mensagem) (?:de |do )?sistema|prompts? inicial|suas (?:\w{1,14} )?instrucoes",
        new=r"novas? (?:instruc(?:ao|oes)|regras|ordens|diretrizes)",
    ),
    "nl": Language(
        ignore=r"negeer|vergeet|sla|omzeil|gehoorzaam niet|verwerp",
        own=r"je|jouw|uw|al(?:le)? (?:je|jouw|uw|de)|alle",
        instructions=r"instructies?|aanwijzingen|regels|richtlijnen|opdrachten|beperkingen|voorschriften",
        earlier=r"vorige|eerdere|voorgaande|bovenstaande|oorspronkelijke|alles wat",
        you_are_now=r"(?:je|jij|u) (?:bent|ben) (?:nu|vanaf nu|voortaan)|vanaf nu|doe alsof|gedraag je|speel de rol",
        free=r"zonder (?:\w{1,14} ){0,2}(?:beperkingen|regels|filters?|grenzen|censuur)|geen (?:beperkingen|regels|filters|grenzen)|ontwikkelaarsmodus|onbeperkte?",
        ask=r"toon|laat|onthul|geef|herhaal|vertel|print|schrijf|wat (?:is|zijn)",
        prompt=r"systeem[ -]?(?:prompts?|instructies?|bericht)|(?:je|jouw) (?:\w{1,14} )?instructies",
        new=r"nieuwe (?:instructies?|opdrachten|regels)",
    ),
    "pl": Language(
        ignore=r"zignoruj\w{0,3}|ignoruj\w{0,3}|zapomnij\w{0,3}|pomin\w{0,3}|odrzuc\w{0,3}|nie przestrzegaj",
        own=r"swoje|twoje|wszystkie(?: swoje| twoje)?|wszystkich",
        instructions=r"instrukcj[ei]|polece(?:nia|n)|zasady?|reguły?|wytyczne|wytycznych|ogranicze(?:nia|n)",
        earlier=r"poprzedni\w{1,3}|wczesniejsz\w{1,3}|powyzsz\w{1,3}|wszystko,? co",
        you_are_now=r"(?:teraz )?jestes (?:teraz|odtad)|jestes (?:asystentem|modelem)|od teraz|udawaj,? ze|zachowuj sie|wciel sie",
        free=r"bez (?:\w{1,14} ){0,2}(?:ogranicze\w|zasad|filtrow|regul|cenzury)|brak ogranicze\w|tryb(?:ie)? (?:dewelopera|deweloperski\w{0,2}|programisty|dan)",
        ask=r"pokaz|ujawnij|podaj|powtorz|wypisz|napisz|wyswietl|jaki\w{0,2} (?:jest|sa)",
        prompt=r"(?:prompt|instrukcj[eia]|polecenie|komunikat) systemow\w{1,2}|systemow\w{1,2} (?:prompt|instrukcj\w{1,2})|swoj\w{0,2} (?:prompt|instrukcje)",
        new=r"nowe (?:instrukcje|polecenia?|zasady)",
    ),
    "ru": Language(
        ignore=r"игнорируй\w{0,2}|проигнорируй\w{0,2}|забудь\w{0,2}|не следуй\w{0,2}|отбрось\w{0,2}|пренебреги\w{0,2}|нарушь\w{0,2}",
        own=r"свои|твои|все|всех|все свои|ваши",
        instructions=r"инструкци[ияйю]|указани[ейя]|правила?|команды?|директивы?|ограничени[ейя]|рекомендации",
        earlier=r"предыдущи\w{1,2}|прежни\w{1,2}|вышеуказанн\w{1,3}|ранее|всё,? что|все,? что|первоначальн\w{1,3}",
        you_are_now=r"(?:теперь|отныне) (?:ты|вы)|ты (?:теперь|больше не)|с этого момента|притворись|веди себя как|представь,? что ты|действуй как",
        free=r"без (?:\w{1,14} ){0,2}(?:ограничений|правил|фильтров|цензуры|запретов)|нет (?:никаких )?(?:ограничений|правил)|режим(?:е)? (?:разработчика|dan|отладки)",
        ask=r"покажи\w{0,2}|раскрой\w{0,2}|выведи\w{0,2}|повтори\w{0,2}|напиши\w{0,2}|скажи\w{0,2}|назови\w{0,2}|каков\w?",
        prompt=r"системн\w{1,3} (?:промпт\w{0,2}|инструкци\w{1,2}|сообщени\w|подсказк\w|запрос)|сво[ийюе]\w{0,1} (?:\w{1,14} )?(?:промпт|инструкци\w)",
        new=r"нов(?:ые|ая) (?:инструкци\w|указани\w|правила|команды?)",
    ),
}


def language_patterns(language: Language) -> list[tuple[str, str]]:
    """The shapes of one language, each with the name of its rule."""
    some = r"(?:\W{1,3}\w{1,16}){0,%d}?\W{1,3}"
    return [
        (
            "override",
            rf"\b(?:{language.ignore})\b(?:{some % 3}(?:{language.own})(?:\W{{1,3}}\w{{1,16}}){{0,2}}?\W{{1,3}}(?:{language.instructions})\b"
            rf"|{some % 3}(?:{language.earlier})\W{{1,3}}(?:\w{{1,16}}\W{{1,3}}){{0,2}}?(?:{language.instructions}|besprochen|gesagt|besproken|gezegd|avons dit|te dijeron|hemos hablado|abbiamo detto|powiedziano|сказано)\b"
            rf"|{some % 3}(?:{language.instructions})\W{{1,3}}(?:\w{{1,16}}\W{{1,3}}){{0,2}}?(?:{language.earlier})\b)",
        ),
        ("unbound", rf"(?<!\w)(?:{language.you_are_now})\b[^.!?\n]{{0,100}}?(?<!\w)(?:{language.free})(?!\w)"),
        ("prompt_extraction", rf"(?<!\w)(?:{language.ask})\b{some % 5}(?:{language.prompt})\b"),
        ("task_switch", rf"(?<!\w)(?:{language.new})\s?:\s?\w"),
    ]


WITHOUT_SPACES: tuple[tuple[str, str], ...] = (
    (
        "override",
        r"(?:تجاهل|تجاهلي|تجاهلوا|انس|انسى|أنس|إنس|تغاض|اهمل|أهمل|لا تتبع|لا تلتفت إلى|لا تنفذ|خالف)\s(?:\w{1,12}\s){0,2}?(?:ال)?(?:تعليمات|التوجيهات|توجيهات|القواعد|قواعد|الأوامر|أوامر|القيود|قيود|قواعدك|تعليماتك|توجيهاتك|الإرشادات)(?:ك)?",
    ),
    (
        "prompt_extraction",
        r"(?:اعرض|أعرض|اكشف|أظهر|اظهر|اطبع|كرر|أخبرني|اكتب)\s(?:\w{1,12}\s){0,3}?(?:موجه|تعليمات|رسالة|أوامر|مطالبة)\s(?:ال)?نظام",
    ),
    (
        "override",
        r"(?:あなたの|君の)(?:ルール|規則|指示|制約|命令)[^。！？\n]{0,6}?(?:無視|忘れ|従わない|破棄)",
    ),
    (
        "override",
        r"(?:忽略|无视|無視|忘记|忘掉|忘記|不要遵守|不要遵循|绕过|繞過)[^。！？\n]{0,10}?(?:之前|以上|上述|先前|前面|所有|全部|你的|您的)[^。！？\n]{0,8}?(?:指令|指示|规则|規則|提示|要求|限制|命令|准则)",
    ),
    (
        "prompt_extraction",
        r"(?:显示|顯示|告诉|告訴|输出|輸出|透露|泄露|重复|重複|打印|给我|写出)[^。！？\n]{0,10}?(?:系统|系統|初始|隐藏|原始)(?:提示|指令|指示|消息)",
    ),
    (
        "unbound",
        r"(?:你现在是|你現在是|从现在开始|從現在開始|现在你|假装你是|扮演)[^。！？\n]{0,30}?(?:没有|沒有|不受|无|無)(?:任何)?(?:限制|规则|規則|约束|過濾|过滤|审查)",
    ),
    (
        "override",
        r"(?:これまで|以前|上記|前|すべて|全て|全部)の?[^。！？\n]{0,10}?(?:指示|命令|ルール|規則|制約|プロンプト)[^。！？\n]{0,6}?(?:無視|忘れ|従わない|破棄)",
    ),
    (
        "prompt_extraction",
        r"(?:システム|初期|隠され)[^。！？\n]{0,4}?(?:プロンプト|指示|命令|メッセージ)[^。！？\n]{0,8}?(?:表示|教え|見せ|出力|開示|明かし)",
    ),
    (
        "unbound",
        r"(?:あなたは(?:今|これ)から|今から|これからは?)[^。！？\n]{0,30}?(?:制限|制約|ルール|規則|フィルター)の?(?:ない|なし|なく|無い)",
    ),
    (
        "override",
        r"(?:이전|위의|앞의|모든|기존)[^.!?\n]{0,10}?(?:지시|명령|규칙|지침|프롬프트)[^.!?\n]{0,8}?(?:무시|잊)",
    ),
    ("prompt_extraction", r"시스템\s?(?:프롬프트|지시|명령|메시지)[^.!?\n]{0,8}?(?:보여|알려|출력|공개)"),
)
"""Arabic, Chinese, Japanese and Korean."""


_LITERAL = re.compile(r"[\w '-]+")


def stems(pattern: str) -> tuple[str, ...]:
    """What every match of an alternation begins with, one of them: a cheap test whether to try it at all.

    >>> stems("ignor(?:a|e)|(?:do|please) forget|olives?")
    ('ignor', 'do', 'please', 'olive')
    """
    found: list[str] = []
    for branch in _branches(pattern):
        if branch.startswith("(?:"):
            end = _closing(branch)
            if branch[end + 1 : end + 2] == "?":  # it may be left out
                found += stems(branch[end + 2 :])
            else:
                found += stems(branch[3:end])
            continue
        literal = _LITERAL.match(branch)
        if literal is None:
            raise ValueError(f"no match of {branch!r} begins with letters")
        text = literal.group()
        found.append(text[:-1] if branch[len(text) : len(text) + 1] in ("?", "*") else text)
    return tuple(found)


def _branches(pattern: str) -> list[str]:
    depth, start, found = 0, 0, []
    for at, letter in enumerate(pattern):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
    return [*found, pattern[start:]]


def _closing(pattern: str) -> int:
    depth = 0
    for at, letter in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return at
    raise ValueError(pattern)


def shapes() -> list[tuple[str, tuple[str, ...], re.Pattern[str]]]:
    """Every shape of every language: the name of its rule, stems of which a text must hold one, and the pattern."""
    found = []
    for language in LANGUAGES.values():
        held = (language.ignore, language.free, language.prompt, language.new)
        for part, (name, pattern) in zip(held, language_patterns(language), strict=True):
            found.append((name, stems(part), re.compile(pattern, re.IGNORECASE)))
    asian = [(name, ("",), re.compile(pattern, re.IGNORECASE)) for name, pattern in WITHOUT_SPACES]
    return found + asian
