# Little enough for a slow machine inside a machine.
use strict;
use warnings;
my %count;
$count{ substr($_ x 3, 0, 4) }++ for 1 .. 3000;
print join(',', map { "$_=$count{$_}" } sort keys %count), "\n";
my $text = join '', map { chr(97 + $_ % 26) x ($_ % 40) } 1 .. 2000;
print length($text), ' ', scalar(() = $text =~ /(.)\1{7}/g), "\n";
