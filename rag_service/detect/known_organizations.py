"""Organisations that are known all over the world by names that are no ordinary words: for names without context."""

from __future__ import annotations

_NAMES = """
3M|ABN AMRO|Accenture|Adidas|Adobe|Aeroflot|Air Canada|Air France|Airbus|Aldi|Alibaba|Allianz|Alphabet Inc
|American Airlines|
American Express|Amnesty International|Apple Inc|ArcelorMittal|Associated Press|AstraZeneca|AT&T|Atlas Copco
|Audi|Aviva|
AXA|Banco Santander|Bank of America|Bank of China|Bank of England|Barclays|BASF|Bayer|BBC|BBVA
|Berkshire Hathaway|Best Buy|
BlackRock|Bloomberg|BMW|BNP Paribas|Boeing|Bosch|Bridgestone|Bristol[- ]Myers Squibb|British Airways|British Telecom|
Burger King|Cambridge University|Capgemini|Capital One|Cargill|Carlsberg|Carrefour|Caterpillar Inc
|Charles Schwab|Chevron|
Chevrolet|Chrysler|CIA|Cisco|Citibank|Citigroup|Citro[eë]n|CNN|Coca[- ]Cola|Cognizant|Colgate[- ]Palmolive
|Comcast|Commerzbank|
Continental AG|Costco|Credit Suisse|CVS|Daewoo|Daimler|Danone|Danske Bank|Decathlon|Deloitte|Delta Air Lines|
Department of Defense|Department of Health|Department of Justice|Deutsche Bahn|Deutsche Bank|Deutsche Post
|Deutsche Telekom|
DHL|Disney|Dow Jones|DuPont|EasyJet|eBay|El Corte Inglés|Électricité de France|Electrolux|Eli Lilly
|Emirates Airline|Ericsson|
Ernst & Young|Esselunga|European Central Bank|European Commission|European Parliament|European Union|ExxonMobil
|Exxon|Facebook|FBI|
FedEx|Federal Reserve|Ferrari|Fiat|Financial Times|Ford Motor Company|Foxconn|Fujitsu|Gazprom|General Electric
|General Motors|
Generali|GlaxoSmithKline|Goldman Sachs|Google|Greenpeace|H&M|Harvard|Heineken|Henkel|Hewlett[- ]Packard|Hilton
|Hitachi|Home Depot|
Honda|Honeywell|HSBC|Huawei|Hyundai|IBM|ICICI Bank|IKEA|Infosys|ING Group|Intel|Internal Revenue Service|
International Monetary Fund|Interpol|IMF|Instagram|IRS|JPMorgan|J\\.P\\. Morgan|JPMorgan Chase
|Johnson & Johnson|Kawasaki|Kellogg's|
Kia Motors|KLM|Kodak|KPMG|Kraft Heinz|Kroger|L'Oréal|L’Oréal|Land Rover|Lenovo|Lidl|LinkedIn|Lloyds
|Lockheed Martin|Lufthansa|LVMH|
Maersk|Mastercard|Mayo Clinic|Mazda|McDonald['’]?s|McKinsey|Mercedes[- ]Benz|Merck|Merrill Lynch|MetLife
|Metropolitan Police|
Microsoft|Michelin|Ministry of Defence|Ministry of Finance|MIT|Mitsubishi|Monoprix|Monsanto|Morgan Stanley|Motorola|
NASA|NASDAQ|NATO|NBC|Nestlé|Nestle|Netflix|New York Times|NHS|Nike|Nintendo|Nissan|Nokia|Novartis|Novo Nordisk|Nvidia|
Ofcom|OPEC|Oracle|Orkla|Oxfam|Oxford University|Panasonic|Paramount|PayPal|PepsiCo|Pepsi|Petrobras|Peugeot
|Pfizer|Philip Morris|
Philips|Pirelli|Porsche|PricewaterhouseCoopers|PwC|Procter & Gamble|Prudential|Qantas|Qualcomm|Rabobank|Reuters
|Red Cross|
Red Crescent|Renault|Roche|Rolls[- ]Royce|Rosneft|Royal Bank of Scotland|Ryanair|Sainsbury['’]s|Salesforce
|Samsung|Sanofi|
SAP|Saudi Aramco|Scania|Scotiabank|Sberbank|Shell plc|Siemens|Société Générale|Sony|SoftBank|Spotify|Stanford
|Standard Chartered|
Starbucks|State Department|Statoil|Stellantis|Subaru|Supreme Court|Suzuki|Swisscom|Tata Motors
|Tata Consultancy Services|
Telefónica|Telenor|Tencent|Tesco|Tesla|The Guardian|Thomson Reuters|ThyssenKrupp|TikTok|T-Mobile|Toshiba
|TotalEnergies|Toyota|
Toys \"?R\"? Us|Twitter|Uber|UBS|UNESCO|UNHCR|Unicef|UNICEF|UniCredit|Unilever|United Airlines|United Nations
|Vattenfall|Verizon|
Vodafone|Volkswagen|Volvo|Wall Street Journal|Walmart|Wal-Mart|Walgreens|Warner Bros\\.?|Washington Post
|Wells Fargo|Western Union|
Whirlpool Corporation|WhatsApp|Wikipedia|Wipro|World Bank|World Health Organi[sz]ation
|World Trade Organi[sz]ation|Xerox|Xiaomi|
Yahoo|Yamaha|YouTube|Zalando|Zurich Insurance
"""
KNOWN_ORGANIZATIONS: tuple[str, ...] = tuple(
    sorted((name for name in _NAMES.replace("\n", "").split("|") if name), key=len, reverse=True)
)
"""Parts of a pattern, the longer before those that they begin with."""
