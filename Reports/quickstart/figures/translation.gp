# TLB misses and references per walk
# Draws translation.csv into translation.svg: run "gnuplot translation.gp" in this folder.
set encoding utf8
set terminal svg size 960,380 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'translation.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set multiplot
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
set arrow from screen 0.08125, 0.94737 to screen 0.10833, 0.94737 nohead front linewidth 2.5 dashtype solid linecolor rgb '#0072B2'
set label 'web (nested)' at screen 0.11563, 0.94737 left front textcolor rgb '#333C46'
set arrow from screen 0.23896, 0.94737 to screen 0.26604, 0.94737 nohead front linewidth 2.5 dashtype solid linecolor rgb '#D55E00'
set label 'database (shadow)' at screen 0.27333, 0.94737 left front textcolor rgb '#333C46'
set arrow from screen 0.43937, 0.94737 to screen 0.46646, 0.94737 nohead front linewidth 2.5 dashtype solid linecolor rgb '#009E73'
set label 'w1 (nested)' at screen 0.47375, 0.94737 left front textcolor rgb '#333C46'
set arrow from screen 0.58854, 0.94737 to screen 0.61563, 0.94737 nohead front linewidth 2.5 dashtype solid linecolor rgb '#CC79A7'
set label 'w2 (nested)' at screen 0.62292, 0.94737 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.48125
set tmargin at screen 0.82105; set bmargin at screen 0.13684
set title 'TLB miss rate (%)' offset 0,-0.4 textcolor rgb '#1B2127'
set yrange [0:10.368799999999998]; set ytics 0, 2.0
plot 'translation.csv' every 1 skip 1 using ($1/1000000000.0):($2/0.01) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($3/0.01) with lines linewidth 2.2 dashtype solid linecolor rgb '#D55E00', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($4/0.01) with lines linewidth 2.2 dashtype solid linecolor rgb '#009E73', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($5/0.01) with lines linewidth 2.2 dashtype solid linecolor rgb '#CC79A7'
unset arrow; unset object; unset label
set lmargin at screen 0.57500; set rmargin at screen 0.97500
set tmargin at screen 0.82105; set bmargin at screen 0.13684
set title 'References per walk' offset 0,-0.4 textcolor rgb '#1B2127'
set yrange [0:24.96]; set ytics 0, 5.0
plot 'translation.csv' every 1 skip 1 using ($1/1000000000.0):($6/1.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#0072B2', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($7/1.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#D55E00', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($8/1.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#009E73', \
  'translation.csv' every 1 skip 1 using ($1/1000000000.0):($9/1.0) with lines linewidth 2.2 dashtype solid linecolor rgb '#CC79A7'
unset arrow; unset object; unset label
unset multiplot
