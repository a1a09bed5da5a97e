<?php
// Each extension at work; what it puts out is the same in every run.
declare(strict_types=1);

function show(string $what, string $text): void
{
    echo $what, ' ', strlen($text), ' ', hash('sha256', $text), "\n";
}

$words = [];
for ($i = 0; $i < 30000; ++$i) {
    $words["key " . ($i * 7919 % 30011)] = str_repeat(chr(97 + $i % 26), $i % 120) . "né $i";
}
ksort($words);
show('arrays', implode(',', array_map('strrev', $words)));
show('serialize', serialize($words));
show('json', json_encode(array_values($words), JSON_UNESCAPED_UNICODE));
show('regex', preg_replace_callback('/[aeiou]+/', fn ($m) => strtoupper($m[0]), implode(' ', $words)));

show('mbstring', mb_convert_encoding(mb_strtoupper(implode(' ', $words)), 'UTF-16LE', 'UTF-8'));
show('iconv', iconv('UTF-8', 'ISO-8859-1//TRANSLIT', implode(' ', $words)));
show('ctype', ctype_alpha('abc') ? 'yes' : 'no');

$collator = new Collator('de_DE');
$names = ['Zoë', 'Ärger', 'Apfel', 'Öl', 'Ofen', 'über', 'Uhr'];
$collator->sort($names);
show('intl', implode(',', $names)
    . (new NumberFormatter('de_DE', NumberFormatter::SPELLOUT))->format(123456789)
    . Normalizer::normalize(implode(' ', $words), Normalizer::FORM_D)
    . (new IntlDateFormatter('fr_FR', IntlDateFormatter::FULL, IntlDateFormatter::FULL, 'UTC'))->format(86400)
    . Transliterator::create('Any-Latin; Latin-ASCII')->transliterate('Ελληνικά Русский'));

$document = new DOMDocument('1.0', 'UTF-8');
$root = $document->appendChild($document->createElement('words'));
foreach (array_slice($words, 0, 4000) as $key => $word) {
    $element = $root->appendChild($document->createElement('word'));
    $element->setAttribute('key', $key);
    $element->appendChild($document->createTextNode($word));
}
$xml = $document->saveXML();
show('dom', $xml);
show('xpath', (string) (new DOMXPath($document))->query('//word[contains(@key, "77")]')->length);
show('simplexml', implode(',', array_map('strval', iterator_to_array((new SimpleXMLElement($xml))->word, false))));
$reader = new XMLReader();
$reader->XML($xml);
for ($seen = 0; $reader->read();) $seen += $reader->nodeType === XMLReader::ELEMENT ? 1 : 0;
show('xmlreader', (string) $seen);
$writer = new XMLWriter();
$writer->openMemory();
foreach ($words as $word) $writer->writeElement('w', $word);
show('xmlwriter', $writer->outputMemory());
$parser = xml_parser_create('UTF-8');
$depth = 0;
xml_set_element_handler($parser, function () use (&$depth) { ++$depth; }, function () {});
xml_parse($parser, $xml, true);
show('xml', (string) $depth);
$sheet = new DOMDocument();
$sheet->loadXML('<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><o><xsl:for-each select="words/word"><xsl:sort select="."/>
  <i><xsl:value-of select="@key"/></i></xsl:for-each></o></xsl:template></xsl:stylesheet>');
$transform = new XSLTProcessor();
$transform->importStylesheet($sheet);
show('xsl', $transform->transformToXML($document));

$picture = imagecreatetruecolor(400, 300);
for ($i = 0; $i < 300; ++$i) {
    imagefilledellipse($picture, $i * 37 % 400, $i * 53 % 300, 40, 30,
        imagecolorallocatealpha($picture, $i % 256, $i * 3 % 256, $i * 7 % 256, $i % 100));
}
$picture = imagerotate(imagescale($picture, 700, 500), 30, 0);
ob_start();
imagepng($picture);
show('gd png', ob_get_clean());
ob_start();
imagejpeg($picture);
show('gd jpeg', ob_get_clean());

foreach (['sqlite3', 'pdo_sqlite'] as $way) {
    $database = $way === 'sqlite3' ? new SQLite3(':memory:') : new PDO('sqlite::memory:');
    $database->exec('CREATE TABLE words (k TEXT PRIMARY KEY, w TEXT)');
    $database->exec('BEGIN');
    $insert = $database->prepare('INSERT INTO words VALUES (?, ?)');
    foreach ($words as $key => $word) {
        $insert->bindValue(1, $key);
        $insert->bindValue(2, $word);
        $insert->execute();
    }
    $database->exec('COMMIT');
    $all = 'SELECT group_concat(w) FROM (SELECT w FROM words ORDER BY w DESC)';
    show($way, $way === 'sqlite3' ? $database->querySingle($all) : $database->query($all)->fetchColumn());
}

$curl = curl_init('file://' . __FILE__);
curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
show('curl', curl_exec($curl));
show('curl_escape', curl_escape($curl, implode(' ', $words)));
curl_close($curl);
$archive = tempnam(sys_get_temp_dir(), 'zip');
$zip = new ZipArchive();
$zip->open($archive, ZipArchive::CREATE | ZipArchive::OVERWRITE);
foreach (array_slice($words, 0, 200) as $key => $word) $zip->addFromString($key, str_repeat($word, 50));
$zip->close();
$zip->open($archive);
for ($i = 0, $text = ''; $i < $zip->numFiles; ++$i) $text .= $zip->getFromIndex($i);
$zip->close();
unlink($archive);
show('zip', $text);
show('zlib', gzuncompress(gzcompress(implode(' ', $words))));
show('gmp', gmp_strval(gmp_fact(2000)));
show('bcmath', bcpow('1.000001', '5000', 200));
show('openssl', openssl_encrypt(implode(' ', $words), 'aes-256-cbc', 'key', 0, str_repeat('i', 16)));
show('sodium', sodium_crypto_generichash(implode(' ', $words)));
show('fileinfo', (new finfo(FILEINFO_MIME_TYPE))->buffer($xml));
show('tokenizer', implode(',', array_map(fn ($t) => is_array($t) ? $t[1] : $t, token_get_all(file_get_contents(__FILE__)))));
show('calendar', jdtogregorian(gregoriantojd(10, 11, 1970)));
show('soap', (new SoapFault('Server', 'a fault'))->getMessage());
$c = FFI::cdef('void* malloc(size_t bytes); void free(void* block); int toupper(int letter);', 'libc.so.6');
for ($i = 1; $i < 100; ++$i) $c->free($c->malloc($i * 1000));
show('ffi', (string) $c->toupper(97));
show('phar', implode(',', Phar::getSupportedSignatures()));
